//go:build !linux

package daemon

import (
	"context"
	"errors"
	"fmt"
)

// Run fails: packets come from a Linux kernel only.
func Run(context.Context, Config) error {
	return fmt.Errorf("run needs Linux: %w", errors.ErrUnsupported)
}
