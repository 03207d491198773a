//go:build !linux

package demo

import (
	"context"
	"errors"
	"io"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
)

// Run reports that there is nothing to show here.
func Run(context.Context, io.Writer, screen.Screen, string) error {
	return errors.New("the demo needs Linux: it makes network namespaces")
}

// Drill reports that nothing can be provoked here.
func Drill(context.Context, string) (api.Drill, error) {
	return api.Drill{}, errors.New("the drill needs Linux: it makes network namespaces")
}
