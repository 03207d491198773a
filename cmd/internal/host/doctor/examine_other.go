//go:build !linux

package doctor

import "errors"

// Listeners finds none.
func Listeners() []Listener { return nil }

// Examine finds nothing that sgfw could work with.
func Examine(known Known) *Machine {
	return &Machine{Known: known, Kernel: "(not Linux)", FeaturesErr: errors.ErrUnsupported,
		SurveyErr: errors.ErrUnsupported, QueuesErr: errors.ErrUnsupported}
}
