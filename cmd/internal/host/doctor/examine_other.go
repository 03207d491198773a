//go:build !linux

package doctor

import "errors"

// Examine finds nothing that sgfw could work with.
func Examine(known Known) *Machine {
	return &Machine{Known: known, Kernel: "(not Linux)", FeaturesErr: errors.ErrUnsupported,
		SurveyErr: errors.ErrUnsupported, QueuesErr: errors.ErrUnsupported}
}
