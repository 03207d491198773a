//go:build !linux

package doctor

import (
	"context"
	"errors"
)

// Examine finds nothing that sgfw could work with.
func Examine(context.Context, string, string, string) *Machine {
	return &Machine{Kernel: "(not Linux)", FeaturesErr: errors.ErrUnsupported, SurveyErr: errors.ErrUnsupported, QueuesErr: errors.ErrUnsupported}
}
