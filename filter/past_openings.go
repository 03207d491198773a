package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/match"
)

// pastOpenings are by direction and family the ports of TCP to which untracked
// connections could be opened under any policy so far, on whichever interface. It is
// immutable. A nil one has none.
//
// The memory of untracked flows is bounded and ends with the process. So a segment
// from the middle of a connection that nobody remembers may be the answer of one that
// was cut with its rule.
type pastOpenings [2][2][]match.Span

// have reports whether a connection to the port could be opened in direction o.
func (past *pastOpenings) have(o conntrack.Direction, family int, port uint16) bool {
	return past != nil && match.Find(past[o][family],
		match.Selector(conntrack.ProtoTCP)<<16|match.Selector(port)) != match.NoRule
}

// with adds what is open now.
func (past *pastOpenings) with(wides map[string]*openRules) *pastOpenings {
	const first, last = match.Selector(conntrack.ProtoTCP) << 16,
		match.Selector(conntrack.ProtoTCP)<<16 | match.MaxLow
	next := new(pastOpenings)
	if past != nil {
		*next = *past
	}
	changed := false
	for o := range next {
		for f := range next[o] {
			var more []match.Span
			for _, w := range wides {
				if w.returning[conntrack.Direction(o).Reverse()][f][0] == match.NoRule {
					continue
				}
				for _, s := range w.opening[o][f] {
					s = match.Span{Lo: max(s.Lo, first), Hi: min(s.Hi, last), Rule: 1}
					if s.Lo <= s.Hi && !covered(next[o][f], s) {
						more = append(more, s)
					}
				}
			}
			if len(more) > 0 {
				next[o][f] = match.Flatten(append(more, next[o][f]...))
				changed = true
			}
		}
	}
	if !changed {
		return past
	}
	return next
}

// covered reports whether one of the spans holds all of s. Of one rule, flattened, no
// two meet.
func covered(spans []match.Span, s match.Span) bool {
	for i := range spans {
		if spans[i].Lo <= s.Lo && s.Hi <= spans[i].Hi {
			return true
		}
	}
	return false
}
