//go:build !linux

package sockets

import "errors"

// Lister lists sockets, which only Linux shows.
type Lister struct{}

// List fails with errors.ErrUnsupported.
func (*Lister) List() ([]Socket, error) { return nil, errors.ErrUnsupported }

// Unnamed fails with errors.ErrUnsupported.
func Unnamed() ([]Socket, error) { return nil, errors.ErrUnsupported }

// KernelTracked fails with errors.ErrUnsupported.
func KernelTracked(int) ([]Tracked, error) { return nil, errors.ErrUnsupported }
