//go:build !linux

package learn

import (
	"context"
	"errors"
)

// Watch fails with errors.ErrUnsupported.
func Watch(context.Context, Config) (*Found, error) { return nil, errors.ErrUnsupported }
