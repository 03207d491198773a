package sockets

import "net/netip"

// Phase is how far a connection of TCP is. The zero value is one that has not begun yet, or is
// about to end on both sides; listeners have it, too. Whatever is connected of UDP is open.
type Phase uint8

const (
	phaseOther Phase = iota
	// PhaseOpen: both sides may send.
	PhaseOpen
	// PhaseHalfClosed: one side has ended, and the other has acknowledged that.
	PhaseHalfClosed
)

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
	Phase   Phase
	// Ended: of a connection that is half closed this machine has ended its side.
	Ended bool
	// Device is the index of the one device that the socket uses, 0 for any.
	Device uint32
}

// Listens reports whether the socket takes packets of anybody.
func (s *Socket) Listens() bool { return !s.Remote.IsValid() }
