package space

import "sgfw/policy"

// Selector is what rules tell packets apart by, besides their peers, as one number:
// protocol<<16 | destination port, or protocol<<16 | type<<8 | code for ICMP. A protocol
// without ports or types has all 65536 selectors of its number in common.
type Selector uint32

const (
	// Portless is the selector of later fragments, whose ports nobody sees: a protocol
	// beyond all others, which rules for all protocols alone permit (T25).
	Portless Selector = 256 << 16
	// Last is the last selector there is.
	Last = Portless | maxLow

	maxLow Selector = 0xffff
)

// Protocol is the protocol of a selector; 256 for [Portless].
func (s Selector) Protocol() policy.Protocol { return policy.Protocol(s >> 16) }

// Low is the port, or type<<8 | code.
func (s Selector) Low() int { return int(s & maxLow) }

// Span is a range of selectors, both ends included.
type Span struct{ Lo, Hi Selector }

// whole is the span of everything.
var whole = Span{0, Last}

// spanOf returns the selectors of all packets of a protocol, [Portless] for 256.
func spanOf(p policy.Protocol) Span {
	return Span{Selector(p) << 16, Selector(p)<<16 | maxLow}
}

// RuleSpan returns the selectors that a rule permits. Whether its peer has any packets of
// that family is another matter: see [Reading.Peers].
func RuleSpan(r *policy.Rule) Span {
	base := Selector(r.Protocol) << 16
	switch {
	case r.Protocol == policy.AllProtocols:
		return whole
	case r.Protocol.HasPorts():
		return Span{base | Selector(r.From), base | Selector(r.To)}
	case r.Protocol.IsICMP() && r.From >= 0 && r.To >= 0:
		s := base | Selector(r.From)<<8 | Selector(r.To)
		return Span{s, s}
	case r.Protocol.IsICMP() && r.From >= 0:
		return Span{base | Selector(r.From)<<8, base | Selector(r.From)<<8 | 0xff}
	}
	return spanOf(r.Protocol)
}

// Overlaps reports whether some selector is in both.
func (s Span) Overlaps(o Span) bool { return s.Lo <= o.Hi && o.Lo <= s.Hi }

func (s Span) contains(o Span) bool { return s.Lo <= o.Lo && o.Hi <= s.Hi }

// spans are disjoint ranges in ascending order that do not touch.
type spans []Span

// add appends a span that begins no earlier than the last one.
func (l spans) add(s Span) spans {
	if n := len(l); n > 0 && (l[n-1].Hi >= s.Lo || l[n-1].Hi+1 == s.Lo) {
		l[n-1].Hi = max(l[n-1].Hi, s.Hi)
		return l
	}
	return append(l, s)
}

// intersect returns what is in both.
func (l spans) intersect(o spans) (out spans) {
	for i, j := 0, 0; i < len(l) && j < len(o); {
		if lo, hi := max(l[i].Lo, o[j].Lo), min(l[i].Hi, o[j].Hi); lo <= hi {
			out = out.add(Span{lo, hi})
		}
		if l[i].Hi < o[j].Hi {
			i++
		} else {
			j++
		}
	}
	return out
}

// union returns what is in either.
func (l spans) union(o spans) (out spans) {
	for i, j := 0, 0; i < len(l) || j < len(o); {
		if j == len(o) || i < len(l) && l[i].Lo <= o[j].Lo {
			out = out.add(l[i])
			i++
		} else {
			out = out.add(o[j])
			j++
		}
	}
	return out
}

// minus returns what is not in o.
func (l spans) minus(o spans) (out spans) {
	j := 0
	for _, s := range l {
		for j < len(o) && o[j].Hi < s.Lo {
			j++
		}
		lo := s.Lo
		for k := j; k < len(o) && o[k].Lo <= s.Hi; k++ {
			if o[k].Lo > lo {
				out = append(out, Span{lo, o[k].Lo - 1})
			}
			lo = o[k].Hi + 1
		}
		if lo <= s.Hi {
			out = append(out, Span{lo, s.Hi})
		}
	}
	return out
}

// covers reports whether all of s is in l.
func (l spans) covers(s Span) bool {
	lo, hi := 0, len(l)
	for lo < hi {
		if mid := (lo + hi) / 2; l[mid].Hi < s.Lo {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(l) && l[lo].contains(s)
}

// has reports whether a selector is in l.
func (l spans) has(s Selector) bool { return l.covers(Span{s, s}) }

// protocol returns the part of l that is of one protocol.
func (l spans) protocol(p policy.Protocol) spans { return l.intersect(spans{spanOf(p)}) }
