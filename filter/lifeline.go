package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/packet"
)

// LifeLine names traffic that no policy may cut, because the machine would
// lose its neighbours or its address (aws-semantics X3, section 4). The kernel
// rules of filter/nft pass it before it is queued, so that it flows even while
// the daemon is dead; Judge passes it too, so that explain and replay agree.
type LifeLine uint8

const (
	NoLifeLine LifeLine = iota
	// NeighbourDiscovery is ICMPv6 133-137 with hop limit 255 (RFC 4861).
	NeighbourDiscovery
	// MulticastListener is ICMPv6 130-132 and 143 with hop limit 1 from a
	// link-local or the unspecified address (RFC 2710, RFC 3810).
	MulticastListener
	// DHCPClient is UDP 68 to 67 leaving and 67 to 68 entering (RFC 2131).
	DHCPClient
	// DHCPv6Client is UDP 546 to 547 leaving and 547 to 546 entering, from a
	// link-local address (RFC 8415).
	DHCPv6Client
)

var lifeLineNames = [...]string{"", "neighbour-discovery", "multicast-listener-discovery", "dhcpv4-client", "dhcpv6-client"}

// String returns the name that outputs show, "" for NoLifeLine: that of the kernel
// rule's counter in filter/nft.
func (l LifeLine) String() string { return lifeLineNames[l] }

// lifeLineAt is LifeLineOf in a hook. Life lines are a machine's traffic with its
// link: what is routed is none. Otherwise those ports would be a way through every
// policy, in both directions, for the machines behind this one.
func lifeLineAt(h Hook, p *packet.Packet, d conntrack.Direction) LifeLine {
	if h == HookForward {
		return NoLifeLine
	}
	return LifeLineOf(p, d)
}

// LifeLineOf says which life line a packet is that is not forwarded, seen from the
// protected machine.
func LifeLineOf(p *packet.Packet, d conntrack.Direction) LifeLine {
	switch p.Kind {
	case packet.KindICMPv6:
		switch t := p.ICMPType; {
		case t >= 133 && t <= 137 && p.HopLimit == 255:
			return NeighbourDiscovery
		case (t >= 130 && t <= 132 || t == 143) && p.HopLimit == 1 && (linkLocal(p.Src) || p.Src == conntrack.Addr{}):
			return MulticastListener
		}
	case packet.KindUDP:
		client, server := p.SrcPort, p.DstPort
		if d == conntrack.Ingress {
			client, server = server, client
		}
		switch {
		case client == 68 && server == 67 && p.Src.Is4():
			return DHCPClient
		case client == 546 && server == 547 && linkLocal(p.Src):
			return DHCPv6Client
		}
	}
	return NoLifeLine
}

// linkLocal reports whether a lies in fe80::/10.
func linkLocal(a conntrack.Addr) bool { return a.Hi>>54 == 0xfe80>>6 }
