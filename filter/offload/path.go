package offload

import "net/netip"

// Path is a way of packets through this machine, as the sets have it: one direction of a flow
// of TCP or UDP between two devices. In is 0 for what this machine sends, Out for what it
// receives. Path is comparable.
type Path struct {
	In, Out          uint32
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	Proto            uint8
}

// Seen are packets that passed on a path without a verdict of their own.
type Seen struct {
	Packets, Bytes uint64
	// Handshake: all of them are SYN-ACKs.
	Handshake bool
}
