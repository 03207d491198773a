//go:build !linux

package sockets

import (
	"errors"
	"net/netip"
)

// Owners finds processes, which only Linux tells.
type Owners struct{}

// NewOwners fails with errors.ErrUnsupported.
func NewOwners() (*Owners, error) { return nil, errors.ErrUnsupported }

// Close does nothing.
func (*Owners) Close() error { return nil }

// Of knows none.
func (*Owners) Of(uint8, netip.AddrPort, netip.AddrPort) (Owner, bool) { return Owner{}, false }
