package sockets

import "net/netip"

// Socket is a TCP or UDP socket.
type Socket struct {
	// Protocol is the number of TCP or UDP.
	Protocol uint8
	Local    netip.AddrPort
	// Remote is the zero value for a socket that takes packets of anybody.
	Remote netip.AddrPort
	// Process is the name of the process that has it open, "" if none is known: it is gone, or
	// the socket is the kernel's.
	Process string
}

// Listens reports whether the socket takes packets of anybody.
func (s *Socket) Listens() bool { return !s.Remote.IsValid() }
