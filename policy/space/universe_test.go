package space

import (
	"math/bits"
	"net/netip"

	"pgregory.net/rapid"

	"sgfw/policy"
)

// points is a small universe in which every set can be written down: 8 addresses and some
// beyond, two groups, 8 ports of TCP and UDP and one beyond, and a selector of every other kind.
// A set has a bit for each pair, 16 of a selector.
type points [maxPoints / 64]uint64

var (
	smallAddresses = []netip.Addr{
		netip.MustParseAddr("10.0.0.0"), netip.MustParseAddr("10.0.0.1"),
		netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3"),
		netip.MustParseAddr("10.0.0.4"), netip.MustParseAddr("10.0.0.5"),
		netip.MustParseAddr("10.0.0.6"), netip.MustParseAddr("10.0.0.7"),
		netip.MustParseAddr("9.0.0.1"), netip.MustParseAddr("192.0.2.1"),
		netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fd00::1"),
	}
	smallSelectors = []Selector{
		6 << 16, 6<<16 | 1, 6<<16 | 2, 6<<16 | 3, 6<<16 | 4, 6<<16 | 5, 6<<16 | 6, 6<<16 | 7,
		6<<16 | 9999, 6<<16 | 65535, 17 << 16, 17<<16 | 1, 17<<16 | 2, 17<<16 | 3, 17<<16 | 4, 17<<16 | 5,
		17<<16 | 6, 17<<16 | 7, 17<<16 | 9999, 17<<16 | 65535, 1<<16 | 3<<8 | 4, 1<<16 | 3<<8,
		1<<16 | 8<<8, 1<<16 | 128<<8, 1<<16 | 5<<8, 58<<16 | 3<<8 | 4, 58<<16 | 3<<8, 58<<16 | 8<<8,
		58<<16 | 128<<8, 58<<16 | 5<<8, 47 << 16, 0, Portless,
	}
	smallAtoms = []Atom{
		{policy.PeerGroup, "app", policy.IPv4}, {policy.PeerGroup, "app", policy.IPv6},
		{policy.PeerGroup, "db", policy.IPv4}, {policy.PeerGroup, "db", policy.IPv6},
	}
)

// sixteen are the addresses and atoms, maxPoints these for each of 33 selectors, rounded up.
const (
	sixteen   = 16
	maxPoints = (33*sixteen + 63) / 64 * 64
)

func (p *points) set(i int, to bool) {
	if to {
		p[i/64] |= 1 << (i % 64)
	} else {
		p[i/64] &^= 1 << (i % 64)
	}
}

// first is the first point of the set, -1 if there is none.
func (p *points) first() int {
	for i, w := range p {
		if w != 0 {
			return 64*i + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// at writes down a set point by point.
func at(s Set) (out points) {
	i := 0
	for _, sel := range smallSelectors {
		p := s.Peers(sel)
		for _, a := range smallAddresses {
			out.set(i, p.Contains(a))
			i++
		}
		for _, a := range smallAtoms {
			out.set(i, p.has(a))
			i++
		}
	}
	return out
}

// naive says point by point what one rule permits, from docs/aws.md alone.
func naive(r *policy.Rule) (out points) {
	i := 0
	for _, sel := range smallSelectors {
		proto, low := policy.Protocol(sel>>16), int(sel&0xffff)
		fits := r.Protocol == policy.AllProtocols || r.Protocol == proto
		switch r.Protocol {
		case policy.TCP, policy.UDP:
			fits = fits && r.From <= low && low <= r.To
		case policy.ICMP, policy.ICMPv6:
			fits = fits && (r.From == -1 || r.From == low>>8) && (r.To == -1 || r.To == low&0xff)
		}
		family := func(f policy.Family) bool {
			return r.Protocol != policy.ICMP && r.Protocol != policy.ICMPv6 ||
				(r.Protocol == policy.ICMP) == (f == policy.IPv4)
		}
		for _, a := range smallAddresses {
			out.set(i, fits && r.Peer.Kind == policy.PeerCIDR && r.Peer.CIDR.Contains(a) &&
				family(policy.FamilyOf(r.Peer.CIDR)))
			i++
		}
		for _, a := range smallAtoms {
			out.set(i, fits && family(a.Family) && (r.Peer.Kind == policy.PeerGroup &&
				r.Peer.Name == a.Name || r.Peer.Kind == policy.PeerCIDR && r.Peer.CIDR.Bits() == 0 &&
				policy.FamilyOf(r.Peer.CIDR) == a.Family))
			i++
		}
	}
	return out
}

// with applies an operation to the words of both.
func (p points) with(o points, op func(a, b uint64) uint64) (out points) {
	for i := range p {
		out[i] = op(p[i], o[i])
	}
	return out
}

func or(a, b uint64) uint64   { return a | b }
func and(a, b uint64) uint64  { return a & b }
func less(a, b uint64) uint64 { return a &^ b }

// smallRule draws a rule of the universe.
func smallRule(t *rapid.T) policy.Rule {
	r := policy.Rule{From: -1, To: -1, Protocol: rapid.SampledFrom([]policy.Protocol{policy.TCP,
		policy.TCP, policy.TCP, policy.UDP, policy.UDP, policy.ICMP, policy.ICMPv6, 47,
		policy.AllProtocols}).Draw(t, "protocol")}
	switch {
	case r.Protocol.HasPorts():
		ports := []int{0, 1, 2, 3, 4, 5, 6, 7, 65535}
		a, b := rapid.SampledFrom(ports).Draw(t, "from"), rapid.SampledFrom(ports).Draw(t, "to")
		r.From, r.To = min(a, b), max(a, b)
	case r.Protocol.IsICMP():
		pair := rapid.SampledFrom([][2]int{{-1, -1}, {3, -1}, {3, 4}, {8, 0}, {128, 0}}).Draw(t, "type")
		r.From, r.To = pair[0], pair[1]
	}
	r.Peer = smallPeer(t)
	return r
}

func smallPeer(t *rapid.T) policy.Peer {
	switch rapid.IntRange(0, 9).Draw(t, "peer") {
	case 0:
		return policy.Peer{Kind: policy.PeerGroup, Name: "app"}
	case 1:
		return policy.Peer{Kind: policy.PeerGroup, Name: "db"}
	case 2:
		return policy.Peer{CIDR: policy.AnyIPv6}
	case 3:
		return policy.Peer{CIDR: policy.AnyIPv4}
	case 4:
		return policy.Peer{CIDR: netip.MustParsePrefix(rapid.SampledFrom([]string{"0.0.0.0/1",
			"128.0.0.0/1", "::/1", "8000::/1"}).Draw(t, "half"))}
	}
	length := rapid.IntRange(29, 32).Draw(t, "bits")
	a := smallAddresses[rapid.IntRange(0, 7).Draw(t, "address")]
	return policy.Peer{CIDR: netip.PrefixFrom(a, length).Masked()}
}

func smallRules(t *rapid.T, most int) []policy.Rule {
	return rapid.SliceOfN(rapid.Custom(smallRule), 0, most).Draw(t, "rules")
}

var nothing = Read(new(policy.Policy), nil)
