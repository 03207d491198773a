package chains

import (
	"net/netip"

	"sgfw/policy"
	"sgfw/policy/space"
)

// whole is the span of everything.
var whole = space.Span{Lo: 0, Hi: space.Last}

// anyone are all addresses of a family.
func anyone(f policy.Family) space.Peers {
	if f == policy.IPv6 {
		return space.PeersOf(policy.AnyIPv6)
	}
	return space.PeersOf(policy.AnyIPv4)
}

// strangers are addresses that no packet over a device has on the other side: the kernel drops
// those of the loopback device, and those that send from a multicast address.
func strangers(f policy.Family, dir policy.Direction) space.Peers {
	local, multicast := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("224.0.0.0/4")
	if f == policy.IPv6 {
		local, multicast = netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("ff00::/8")
	}
	if dir == policy.Egress {
		return space.PeersOf(local)
	}
	return space.PeersOf(local, multicast)
}

// everything is all packets of a family and direction that there may be. ICMP of the other
// family is none.
func everything(f policy.Family, dir policy.Direction) space.Set {
	all := space.Box(whole, anyone(f).Minus(strangers(f, dir)))
	other := policy.ICMPv6
	if f == policy.IPv6 {
		other = policy.ICMP
	}
	return all.Minus(space.Box(space.Ports(other, -1, -1), anyone(f)))
}

// box is what a match asks for of protocols and peers.
func (m *Match) box(f policy.Family) space.Set {
	peers := anyone(f)
	if m.Peers != nil {
		peers = *m.Peers
	}
	if m.Spans == nil {
		return space.Box(whole, peers)
	}
	var out space.Set
	for _, s := range m.Spans {
		out = out.Union(space.Box(s, peers))
	}
	return out
}

// wholly are the peers that have everything there is of a family in the set.
func wholly(s space.Set, f policy.Family) space.Peers {
	all := anyone(f)
	next := space.Selector(0)
	var some space.Peers // are missing something
	other := space.Ports(policy.ICMPv6, -1, -1)
	if f == policy.IPv6 {
		other = space.Ports(policy.ICMP, -1, -1)
	}
	s = s.Union(space.Box(other, all)) // which there is none of
	for span, peers := range s.All() {
		if span.Lo != next {
			return space.Peers{}
		}
		some = some.Union(all.Minus(peers))
		next = span.Hi + 1
	}
	if next != space.Last+1 {
		return space.Peers{}
	}
	return all.Minus(some)
}
