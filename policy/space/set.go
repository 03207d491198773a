package space

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"

	"sgfw/policy"
)

// Set is a set of what may pass in one direction. The zero value is empty.
type Set struct{ layers []layer } // disjoint, in order; none is empty

// layer is what the selectors of a span have in common. Two that touch have other peers:
// so there is one way to write a set.
type layer struct {
	Span
	peers Peers
}

// Box returns the set of a span with peers.
func Box(s Span, p Peers) Set { return Set{}.with(s, p) }

// with adds a layer behind all others.
func (s Set) with(span Span, p Peers) Set {
	if p.Empty() {
		return s
	}
	if n := len(s.layers); n > 0 && s.layers[n-1].Hi+1 == span.Lo && s.layers[n-1].peers.Equal(p) {
		s.layers[n-1].Hi = span.Hi
		return s
	}
	s.layers = append(s.layers, layer{span, p})
	return s
}

// All yields the set piece by piece: spans in ascending order with the peers that all their
// selectors have. They are as long as they can be.
func (s Set) All() iter.Seq2[Span, Peers] {
	return func(yield func(Span, Peers) bool) {
		for _, l := range s.layers {
			if !yield(l.Span, l.peers) {
				return
			}
		}
	}
}

// Pieces returns how many pieces [Set.All] yields: what work with the set costs.
func (s Set) Pieces() int { return len(s.layers) }

// Empty reports whether nothing passes.
func (s Set) Empty() bool { return len(s.layers) == 0 }

// Equal reports whether the same passes.
func (s Set) Equal(o Set) bool {
	return slices.EqualFunc(s.layers, o.layers, func(a, b layer) bool {
		return a.Span == b.Span && a.peers.Equal(b.peers)
	})
}

// combine walks both sets at once and keeps of every piece what with says.
func (s Set) combine(o Set, with func(a, b Peers) Peers) (out Set) {
	at := Selector(0)
	out.layers = make([]layer, 0, len(s.layers)+len(o.layers))
	for i, j := 0, 0; i < len(s.layers) || j < len(o.layers); {
		var a, b Peers
		hi := Last
		for _, side := range []struct {
			layers []layer
			next   *int
			peers  *Peers
		}{{s.layers, &i, &a}, {o.layers, &j, &b}} {
			if *side.next == len(side.layers) {
				continue
			}
			switch l := &side.layers[*side.next]; {
			case l.Lo > at:
				hi = min(hi, l.Lo-1)
			default:
				*side.peers = l.peers
				hi = min(hi, l.Hi)
			}
		}
		out = out.with(Span{at, hi}, with(a, b))
		if i < len(s.layers) && s.layers[i].Hi == hi {
			i++
		}
		if j < len(o.layers) && o.layers[j].Hi == hi {
			j++
		}
		at = hi + 1
	}
	return out
}

// Union returns what passes by either.
func (s Set) Union(o Set) Set {
	switch {
	case s.Empty():
		return o
	case o.Empty():
		return s
	case len(o.layers) > len(s.layers):
		s, o = o, s
	}
	return s.replace(o, Peers.Union)
}

// Intersect returns what passes by both.
func (s Set) Intersect(o Set) Set {
	if s.Empty() || o.Empty() {
		return Set{}
	}
	i, j := s.touched(o)
	s = Set{s.layers[i:j]}
	if s.Empty() {
		return Set{}
	}
	i, j = o.touched(s)
	return s.combine(Set{o.layers[i:j]}, Peers.Intersect)
}

// Minus returns what passes by s and not by o.
func (s Set) Minus(o Set) Set {
	if s.Empty() || o.Empty() {
		return s
	}
	i, j := o.touched(s)
	if i == j {
		return s
	}
	return s.replace(Set{o.layers[i:j]}, Peers.Minus)
}

// touched returns which layers of s, from i and before j, have selectors between the first and
// the last one of o, which is not empty.
func (s Set) touched(o Set) (i, j int) {
	lo, hi := o.layers[0].Lo, o.layers[len(o.layers)-1].Hi
	i, _ = slices.BinarySearchFunc(s.layers, lo, func(l layer, at Selector) int {
		return cmp.Compare(l.Hi, at)
	})
	j, _ = slices.BinarySearchFunc(s.layers, hi+1, func(l layer, at Selector) int {
		return cmp.Compare(l.Lo, at)
	})
	return i, max(i, j)
}

// replace combines what of s lies between the ends of o, and keeps the rest, which is most of a
// large set.
func (s Set) replace(o Set, with func(a, b Peers) Peers) Set {
	i, j := s.touched(o)
	middle := Set{s.layers[i:j]}.combine(o, with)
	out := Set{make([]layer, 0, i+len(middle.layers)+len(s.layers)-j)}
	out.layers = append(out.layers, s.layers[:i]...)
	for _, l := range middle.layers {
		out = out.with(l.Span, l.peers)
	}
	if j < len(s.layers) {
		out = out.with(s.layers[j].Span, s.layers[j].peers)
		out.layers = append(out.layers, s.layers[j+1:]...)
	}
	return out
}

// Covers reports whether all that passes by o passes by s.
func (s Set) Covers(o Set) bool { return o.Minus(s).Empty() }

// Peers returns who may send, or be sent to, what the selector stands for.
func (s Set) Peers(at Selector) Peers {
	i, there := slices.BinarySearchFunc(s.layers, at, func(l layer, at Selector) int {
		return int(int64(l.Hi) - int64(at))
	})
	if there || i < len(s.layers) && s.layers[i].Lo <= at {
		return s.layers[i].peers
	}
	return Peers{}
}

// Anyone returns the peers that have something of a span.
func (s Set) Anyone(of Span) (p Peers) {
	for _, l := range s.layers {
		if l.Hi >= of.Lo && l.Lo <= of.Hi {
			p = p.Union(l.peers)
		}
	}
	return p
}

// From returns the part of the set that has these peers.
func (s Set) From(p Peers) Set { return s.Intersect(Box(whole, p)) }

// Within returns the part of the set that has selectors of the span.
func (s Set) Within(of Span) (out Set) {
	for _, l := range s.layers {
		if lo, hi := max(l.Lo, of.Lo), min(l.Hi, of.Hi); lo <= hi {
			out = out.with(Span{lo, hi}, l.peers)
		}
	}
	return out
}

// Contains reports whether a packet of the selector passes with a peer of the address.
func (s Set) Contains(at Selector, peer netip.Addr) bool { return s.Peers(at).Contains(peer) }

// Ports returns the span of ports of TCP or UDP, both ends included, or what a rule says of
// another protocol in their place, see policy.Rule.
func Ports(p policy.Protocol, from, to int) Span {
	return RuleSpan(&policy.Rule{Protocol: p, From: from, To: to})
}
