//go:build !linux

package demo

import (
	"context"
	"errors"
	"io"
)

// Run reports that there is nothing to show here.
func Run(context.Context, io.Writer, string) error {
	return errors.New("the demo needs Linux: it makes network namespaces")
}
