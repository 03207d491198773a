package nft

import "slices"

// Failsafe names one kind of traffic that the table lets through without a
// verdict, because a machine that loses it loses the network itself. ARP needs
// none: the inet family never sees it.
type Failsafe string

const (
	// FailsafeNeighbour is IPv6 neighbour discovery: ICMPv6 133 to 137, hop limit 255,
	// no extension header (RFC 4861 §6.1, §7.1: a receiver discards any other hop
	// limit, so it cannot come from beyond the link). Fragments that reassembly has
	// made whole pass here; the kernel itself refuses them then (RFC 6980).
	FailsafeNeighbour Failsafe = "neighbour-discovery"
	// FailsafeMulticastListener is MLD: ICMPv6 130 to 132 and 143 behind a hop-by-hop
	// header, hop limit 1, from fe80::/10 or :: (RFC 2710 §3, RFC 3810 §5).
	FailsafeMulticastListener Failsafe = "multicast-listener-discovery"
	// FailsafeDHCPv4 is the protected machine as a DHCP client: UDP 68 to 67 out of it,
	// 67 to 68 into it (RFC 2131 §4.1). A guest's server is this machine.
	FailsafeDHCPv4 Failsafe = "dhcpv4-client"
	// FailsafeDHCPv6 is the protected machine as a DHCPv6 client: UDP 546 to 547 out of
	// it, 547 to 546 into it, both from fe80::/10 (RFC 8415 §7.1, §7.2).
	FailsafeDHCPv6 Failsafe = "dhcpv6-client"
	// FailsafeOwnMulticast is a copy of what this machine itself sent to a multicast or
	// broadcast address, looped back with the device as its input
	// (dev_loopback_xmit, net/core/dev.c). Such a copy never had a link-layer
	// header, which tells it from a frame with a forged source; devices that have
	// no link-layer header at all (tun, WireGuard) therefore do not have this failsafe.
	FailsafeOwnMulticast Failsafe = "own-multicast"
)

// FailsafeInfo describes a failsafe to people.
type FailsafeInfo struct {
	Name Failsafe
	// In and Out say what passes into and out of the protected machine; empty:
	// nothing does. FailsafeOwnMulticast concerns this machine whoever is protected.
	In, Out string
	// Source is where the shape of the traffic is laid down.
	Source string
}

var failsafes = []FailsafeInfo{
	{FailsafeNeighbour, "ICMPv6 133-137, hop limit 255", "ICMPv6 133-137, hop limit 255", "RFC 4861"},
	{FailsafeMulticastListener, "ICMPv6 130-132 and 143, hop limit 1, from fe80::/10 or ::",
		"ICMPv6 130-132 and 143, hop limit 1, from fe80::/10 or ::", "RFC 2710, RFC 3810"},
	{FailsafeDHCPv4, "UDP 67 to 68", "UDP 68 to 67", "RFC 2131"},
	{FailsafeDHCPv6, "UDP 547 to 546 from fe80::/10", "UDP 546 to 547 from fe80::/10", "RFC 8415"},
	{FailsafeOwnMulticast, "our own multicast and broadcast, looped back by the kernel", "", "net/core/dev.c"},
}

// Failsafes lists every failsafe in a fixed order.
func Failsafes() []FailsafeInfo { return slices.Clone(failsafes) }
