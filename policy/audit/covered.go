package audit

import (
	"net/netip"
	"slices"

	"sgfw/policy"
	"sgfw/policy/space"
)

// sample is what is quickly known of the peers of a rule.
type sample struct {
	// first and last are addresses of them, invalid if there is none.
	first, last netip.Addr
	atoms       []space.Atom
	// every says by family whether all addresses are there.
	every [2]bool
}

func sampleOf(p space.Peers, peer policy.Peer) (s sample) {
	for i, f := range families {
		s.every[i] = p.Share(f) == 1
	}
	s.atoms = p.Atoms()
	cidrs := []netip.Prefix{peer.CIDR}
	if peer.Kind != policy.PeerCIDR {
		cidrs = p.CIDRs()
	}
	if len(cidrs) > 0 && !p.Empty() {
		s.first, s.last = cidrs[0].Addr(), cidrs[len(cidrs)-1].Addr()
	}
	return s
}

// has reports whether an entry has what a sample of another one is of: false if it surely
// has not all of it.
func (e *entry) has(o *sample, at space.Selector) bool {
	if at < e.span.Lo || e.span.Hi < at {
		return false
	}
	if o.first.IsValid() {
		return e.peers.Contains(o.first)
	}
	return len(o.atoms) > 0 && e.hasAtom(o.atoms[0])
}

func (e *entry) hasAtom(a space.Atom) bool {
	for i, f := range families {
		if a.Family == f && e.sample.every[i] {
			return true
		}
	}
	return slices.Contains(e.sample.atoms, a)
}

// coveredBy returns the rules that permit nothing but what the others together do, as
// [space.Reading.Covered] does, in less time: a packet that only one rule permits shows that
// it is needed. It does not know that every address, by several rules, has a group in it.
func coveredBy(rules []entry) (out []space.Cover) {
	for i := range rules {
		e := &rules[i]
		if e.peers.Empty() {
			continue
		}
		if j := single(rules, i); j >= 0 {
			out = append(out, space.Cover{Rule: i, By: []int{j}})
			continue
		}
		if by := several(rules, i); by != nil {
			out = append(out, space.Cover{Rule: i, By: by})
		}
	}
	return out
}

// single finds a rule that permits all that rule i does, -1 if there is none. One that permits
// more is preferred.
func single(rules []entry, i int) int {
	e, equal := &rules[i], -1
	for j := range rules {
		o := &rules[j]
		if j != i && o.span.Lo <= e.span.Lo && e.span.Hi <= o.span.Hi && o.has(&e.sample, e.span.Lo) &&
			o.peers.Covers(e.peers) {
			if !same(*o, *e) {
				return j
			}
			if equal < 0 {
				equal = j
			}
		}
	}
	return equal
}

// several finds rules that permit together all that rule i does, nil if they do not.
func several(rules []entry, i int) (by []int) {
	e := &rules[i]
	needed := func(at space.Selector, s sample) bool {
		for j := range rules {
			if j != i && rules[j].has(&s, at) {
				return false
			}
		}
		return true
	}
	ends := []sample{e.sample}
	if e.sample.last != e.sample.first {
		ends = append(ends, sample{first: e.sample.last})
	}
	for _, at := range []space.Selector{e.span.Lo, e.span.Hi, e.span.Lo + (e.span.Hi-e.span.Lo)/2} {
		for _, s := range ends {
			if needed(at, s) {
				return nil
			}
		}
	}
	all := space.Box(e.span, e.peers)
	rest := all
	for j := range rules {
		if o := &rules[j]; j != i && o.span.Overlaps(e.span) {
			if less := rest.Minus(space.Box(o.span, o.peers)); !less.Equal(rest) {
				by, rest = append(by, j), less
			}
		}
	}
	if !rest.Empty() {
		return nil
	}
	// Whoever is not needed goes, the last ones first.
	for k := len(by) - 1; k >= 0; k-- {
		left := all
		for n, j := range by {
			if n != k {
				left = left.Minus(space.Box(rules[j].span, rules[j].peers))
			}
		}
		if left.Empty() {
			by = slices.Delete(by, k, k+1)
		}
	}
	return by
}
