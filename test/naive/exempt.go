package naive

import "net/netip"

// The names of failsafes.
const (
	Neighbours = "neighbour-discovery"
	Listeners  = "multicast-listener-discovery"
	DHCP       = "dhcpv4-client"
	DHCPv6     = "dhcpv6-client"
)

// failsafe reports whether rules may not cut the packet: neighbour discovery and
// MLD (X3), and the exchanges of a DHCP client (§4), of the protected machine
// itself. What is routed past it is none of these; each can be switched off (X2).
func (m *Machine) failsafe(d Direction, h Hook, p *Packet) bool {
	name := linkTalk(d, p)
	return h != Forward && name != "" && !has(m.policy.Cut, name)
}

// linkTalk names the failsafe that a packet is if it is not routed, "" for none.
func linkTalk(d Direction, p *Packet) string {
	client, server := p.SrcPort, p.DstPort
	if d == In {
		client, server = server, client
	}
	switch {
	case p.isICMP() && !p.isV4() && 133 <= p.Type && p.Type <= 137 && p.HopLimit == 255:
		return Neighbours
	case p.isICMP() && !p.isV4() && (130 <= p.Type && p.Type <= 132 || p.Type == 143) &&
		p.HopLimit == 1 &&
		(p.Src.IsLinkLocalUnicast() || p.Src == netip.IPv6Unspecified()):
		return Listeners
	case p.isUDP() && p.isV4() && client == 68 && server == 67:
		return DHCP
	case p.isUDP() && !p.isV4() && client == 546 && server == 547 && p.Src.IsLinkLocalUnicast():
		return DHCPv6
	}
	return ""
}

// addressed is the source/destination check (D9): what leaves the machine comes
// from one of its addresses, and what enters goes to one. A machine that has no
// address yet, or uses its link-local one, may have its failsafes; multicast and
// broadcast are nobody's addresses.
func addressed(n *Interface, d Direction, p *Packet) bool {
	if !n.Check {
		return true
	}
	if d == Out {
		noneYet := p.Src.IsUnspecified() || p.Src.IsLinkLocalUnicast() && !p.isV4()
		return has(n.Addresses, p.Src) || noneYet && linkTalk(d, p) != ""
	}
	everybody := p.Dst.IsMulticast() || p.Dst == netip.AddrFrom4([4]byte{255, 255, 255, 255})
	return has(n.Addresses, p.Dst) || everybody ||
		p.Dst.IsLinkLocalUnicast() && !p.isV4() && linkTalk(d, p) != ""
}
