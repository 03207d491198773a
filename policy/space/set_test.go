package space

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"sgfw/policy"
)

// union is the naive set of rules; atoms are in every address, however it comes together.
func union(rules []policy.Rule) (out points) {
	for i := range rules {
		out = out.with(naive(&rules[i]), or)
	}
	halves := map[netip.Prefix]netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/1"): netip.MustParsePrefix("128.0.0.0/1"),
		netip.MustParsePrefix("::/1"):      netip.MustParsePrefix("8000::/1"),
	}
	for i := range rules {
		for j := range rules {
			other, half := halves[rules[i].Peer.CIDR]
			if rules[i].Peer.Kind != policy.PeerCIDR || !half || rules[j].Peer.CIDR != other ||
				rules[j].Peer.Kind != policy.PeerCIDR {
				continue
			}
			a, b := rules[i], rules[j]
			every := policy.AnyIPv4
			if policy.FamilyOf(other) == policy.IPv6 {
				every = policy.AnyIPv6
			}
			a.Peer.CIDR, b.Peer.CIDR = every, every
			out = out.with(naive(&a).with(naive(&b), and), or)
		}
	}
	return out
}

// canonical fails the test unless a set is written in its only way.
func canonical(t interface{ Fatalf(string, ...any) }, s Set) {
	for i, l := range s.layers {
		switch {
		case l.peers.Empty(), l.Lo > l.Hi, l.Hi > Last:
			t.Fatalf("layer %d: %+v", i, l)
		case i > 0 && s.layers[i-1].Hi >= l.Lo:
			t.Fatalf("layers %d and %d overlap", i-1, i)
		case i > 0 && s.layers[i-1].Hi+1 == l.Lo && s.layers[i-1].peers.Equal(l.peers):
			t.Fatalf("layers %d and %d are one", i-1, i)
		}
		for _, list := range []addresses{l.peers.v4, l.peers.v6} {
			for j, r := range list {
				if r.hi.less(r.lo) || j > 0 && !list[j-1].hi.next().less(r.lo) {
					t.Fatalf("layer %d: ranges %v", i, list)
				}
			}
		}
		for _, a := range l.peers.atoms {
			if l.peers.every(a.Family) {
				t.Fatalf("layer %d: %v beside every address", i, a)
			}
		}
	}
}

// TestSetsAgainstPoints: sets of rules and what is made of them have the points that they
// should, in the one way in which a set is written.
func TestSetsAgainstPoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := smallRules(t, 7), smallRules(t, 7)
		a, b := nothing.Set(x...), nothing.Set(y...)
		pa, pb := union(x), union(y)
		if at(a) != pa || at(b) != pb {
			t.Fatalf("the set of %v has other points", x)
		}
		both := a.Union(b)
		if at(both) != union(append(append([]policy.Rule{}, x...), y...)) {
			t.Fatalf("union of\n%v\n%v", x, y)
		}
		if certain(at(a.Minus(b)), a, b) != certain(pa.with(pb, less), a, b) {
			t.Fatalf("minus of\n%v\n%v", x, y)
		}
		if at(a.Intersect(b)) != pa.with(pb, and) {
			t.Fatalf("intersection of\n%v\n%v", x, y)
		}
		for _, s := range []Set{a, b, both, a.Minus(b), b.Minus(a), a.Intersect(b)} {
			canonical(t, s)
		}
		if same := a.Equal(b); same != (a.Covers(b) && b.Covers(a)) || same && pa != pb {
			t.Fatalf("equal: %t\n%v\n%v", same, x, y)
		}
		if !both.Covers(a) || !a.Covers(a.Intersect(b)) || !a.Covers(a.Minus(b)) {
			t.Fatalf("covers\n%v\n%v", x, y)
		}
		if !a.Minus(b).Union(a.Intersect(b)).Equal(a) {
			t.Fatalf("a is not what is left of it and the rest:\n%v\n%v", x, y)
		}
		if certain(at(a.Minus(b).Intersect(b)), a, b) != (points{}) {
			t.Fatalf("something of b is left:\n%v\n%v", x, y)
		}
	})
}

// certain takes away the points of atoms where nobody can say whether they are in a less
// b: a has every address, and b does not.
func certain(p points, a, b Set) points {
	i := 0
	for _, sel := range smallSelectors {
		i += len(smallAddresses)
		for _, atom := range smallAtoms {
			if a.Peers(sel).every(atom.Family) && !b.Peers(sel).every(atom.Family) {
				p.set(i, false)
			}
			i++
		}
	}
	return p
}

// TestEveryPairOfRules enumerates all pairs of rules of an even smaller universe: 4
// addresses, 4 ports of two protocols and all protocols.
func TestEveryPairOfRules(t *testing.T) {
	var rules []policy.Rule
	for bits := 30; bits <= 32; bits++ {
		for i := 0; i < 4; i += 1 << (32 - bits) {
			peer := policy.Peer{CIDR: netip.PrefixFrom(smallAddresses[i], bits)}
			rules = append(rules, policy.Rule{Protocol: -1, From: -1, To: -1, Peer: peer})
			for _, proto := range []policy.Protocol{policy.TCP, policy.UDP} {
				for from := range 4 {
					for to := from; to < 4; to++ {
						rules = append(rules, policy.Rule{Protocol: proto, From: from, To: to, Peer: peer})
					}
				}
			}
		}
	}
	sets, spots := make([]Set, len(rules)), make([]points, len(rules))
	for i := range rules {
		sets[i], spots[i] = nothing.Rule(&rules[i]), naive(&rules[i])
		if at(sets[i]) != spots[i] {
			t.Fatalf("%s has other points", &rules[i])
		}
	}
	for i := range rules {
		for j := range rules {
			u, m, n := sets[i].Union(sets[j]), sets[i].Minus(sets[j]), sets[i].Intersect(sets[j])
			if at(u) != spots[i].with(spots[j], or) || at(m) != spots[i].with(spots[j], less) ||
				at(n) != spots[i].with(spots[j], and) {
				t.Fatalf("%s and %s", &rules[i], &rules[j])
			}
			if want := spots[i].with(spots[j], less) == (points{}); sets[j].Covers(sets[i]) != want {
				t.Fatalf("%s covers %s: not %t", &rules[j], &rules[i], want)
			}
			if sets[i].Equal(sets[j]) != (i == j) {
				t.Fatalf("%s equals %s", &rules[i], &rules[j])
			}
		}
	}
}
