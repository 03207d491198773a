package nft

import "slices"

// LifeLine names one kind of traffic that the table lets through without a
// verdict, because a machine that loses it loses the network itself. ARP needs
// none: the inet family never sees it.
type LifeLine string

const (
	// LifeNeighbour is IPv6 neighbour discovery: ICMPv6 133 to 137, hop limit 255,
	// no extension header (RFC 4861 §6.1, §7.1: a receiver discards any other hop
	// limit, so it cannot come from beyond the link). Fragments that reassembly has
	// made whole pass here; the kernel itself refuses them then (RFC 6980).
	LifeNeighbour LifeLine = "neighbour-discovery"
	// LifeMulticastListener is MLD: ICMPv6 130 to 132 and 143 behind a hop-by-hop
	// header, hop limit 1, from fe80::/10 or :: (RFC 2710 §3, RFC 3810 §5).
	LifeMulticastListener LifeLine = "multicast-listener-discovery"
	// LifeDHCPv4 is the protected machine as a DHCP client: UDP 68 to 67 out of it,
	// 67 to 68 into it (RFC 2131 §4.1). A guest's server is this machine.
	LifeDHCPv4 LifeLine = "dhcpv4-client"
	// LifeDHCPv6 is the protected machine as a DHCPv6 client: UDP 546 to 547 out of
	// it, 547 to 546 into it, both from fe80::/10 (RFC 8415 §7.1, §7.2).
	LifeDHCPv6 LifeLine = "dhcpv6-client"
	// LifeOwnMulticast is a copy of what this machine itself sent to a multicast or
	// broadcast address, looped back with the device as its input
	// (dev_loopback_xmit, net/core/dev.c). Such a copy never had a link-layer
	// header, which tells it from a frame with a forged source; devices that have
	// no link-layer header at all (tun, WireGuard) therefore do not have this life
	// line.
	LifeOwnMulticast LifeLine = "own-multicast"
)

// LifeLineInfo describes a life line to people.
type LifeLineInfo struct {
	Name LifeLine
	// In and Out say what passes into and out of the protected machine; empty:
	// nothing does. LifeOwnMulticast concerns this machine whoever is protected.
	In, Out string
	// Source is where the shape of the traffic is laid down.
	Source string
}

var lifeLines = []LifeLineInfo{
	{LifeNeighbour, "ICMPv6 133-137, hop limit 255", "ICMPv6 133-137, hop limit 255", "RFC 4861"},
	{LifeMulticastListener, "ICMPv6 130-132 and 143, hop limit 1, from fe80::/10 or ::",
		"ICMPv6 130-132 and 143, hop limit 1, from fe80::/10 or ::", "RFC 2710, RFC 3810"},
	{LifeDHCPv4, "UDP 67 to 68", "UDP 68 to 67", "RFC 2131"},
	{LifeDHCPv6, "UDP 547 to 546 from fe80::/10", "UDP 546 to 547 from fe80::/10", "RFC 8415"},
	{LifeOwnMulticast, "our own multicast and broadcast, looped back by the kernel", "", "net/core/dev.c"},
}

// LifeLines lists every life line in a fixed order.
func LifeLines() []LifeLineInfo { return slices.Clone(lifeLines) }
