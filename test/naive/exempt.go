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
// address yet may have its failsafes; a link-local address of IPv6 counts on the link, where
// none is listed any one does; multicast and broadcast are nobody's addresses.
func (m *Machine) addressed(n *Interface, device string, h Hook, d Direction, p *Packet) bool {
	if !n.Check {
		return true
	}
	a := p.Dst
	if d == Out {
		a = p.Src
	}
	if a.Is6() && a.IsLinkLocalUnicast() {
		listed := false
		for _, own := range n.Addresses {
			listed = listed || own.Is6() && own.IsLinkLocalUnicast()
		}
		return linkTalk(d, p) != "" || h != Forward && (!listed || n.lists(a))
	}
	if n.lists(a) {
		return true
	}
	if d == Out {
		return a.IsUnspecified() && linkTalk(d, p) != ""
	}
	for _, dev := range m.devices {
		if dev.Name == device && has(dev.Broadcasts, a) {
			return true
		}
	}
	return a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
