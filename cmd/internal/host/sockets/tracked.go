package sockets

import "net/netip"

// Tracked is a conversation of TCP or UDP in the kernel's connection tracking.
type Tracked struct {
	Protocol uint8
	// From began it, and To answers: the addresses that rules see, behind DNAT and before SNAT.
	From, To netip.AddrPort
	// Asked is what the opener's packets were sent to, before DNAT; As is whom they leave as,
	// behind SNAT.
	Asked, As netip.AddrPort
	// Established is true for TCP whose handshake is over, and that nobody has ended.
	Established bool
	Phase       Phase
	// OpenerEnded: of a connection that is half closed the opener has ended its side.
	OpenerEnded bool
	// Answered is true once packets came back; Assured is true for TCP of which both sides went
	// on after that, and for UDP that is a stream. One forged packet makes neither.
	Answered, Assured bool
}
