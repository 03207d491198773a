package filter

import (
	"fmt"
	"sync/atomic"

	"sgfw/conntrack"
	"sgfw/filter/match"
)

// openings are by direction and family the ports of TCP to which untracked connections
// can be opened, on whichever interface. They are immutable. Nil ones have none.
type openings [2][2][]match.Span

// pastOpenings are those under any ruleset that was in force so far. They are safe for
// concurrent use; [Engine.Publish] adds to them, and so does [Engine.AddTallies].
//
// The memory of untracked flows is bounded. So a segment
// from the middle of a connection that nobody remembers may be the answer of one that
// was cut with its rule.
type pastOpenings struct{ atomic.Pointer[openings] }

// have reports whether a connection to the port can be opened in direction o.
func (in *openings) have(o conntrack.Direction, family int, port uint16) bool {
	return in != nil && match.Find(in[o][family],
		match.Selector(conntrack.ProtoTCP)<<16|match.Selector(port)) != match.NoRule
}

// openingsOf are those of the interfaces of one ruleset.
func openingsOf(wides map[string]*openRules) *openings {
	const first, last = match.Selector(conntrack.ProtoTCP) << 16,
		match.Selector(conntrack.ProtoTCP)<<16 | match.MaxLow
	var all openings
	for o := range all {
		for f := range all[o] {
			for _, w := range wides {
				if w.returning[conntrack.Direction(o).Reverse()][f][0] == match.NoRule {
					continue
				}
				for _, s := range w.opening[o][f] {
					s = match.Span{Lo: max(s.Lo, first), Hi: min(s.Hi, last), Rule: 1}
					if s.Lo <= s.Hi {
						all[o][f] = append(all[o][f], s)
					}
				}
			}
		}
	}
	return (*openings)(nil).with(&all)
}

// with are both, flattened.
func (in *openings) with(more *openings) *openings {
	if more == nil {
		return in
	}
	next := new(openings)
	if in != nil {
		*next = *in
	}
	changed := false
	for o := range next {
		for f := range next[o] {
			var added []match.Span
			for _, s := range more[o][f] {
				if !covered(next[o][f], s) {
					added = append(added, s)
				}
			}
			if len(added) > 0 {
				next[o][f] = match.Flatten(append(added, next[o][f]...))
				changed = true
			}
		}
	}
	if !changed {
		return in
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

// remember adds what can be opened under a ruleset that comes into force. The caller
// lets no two do so at once.
func (rs *Ruleset) remember() { rs.past.Store(rs.past.Load().with(rs.openings)) }

// openingTally is the identity of span i of those in direction o and of one family, for a
// [Tally] whose count is the ports of the span.
func openingTally(o, family, i int) Identity {
	return identity("opening", fmt.Sprint(o), fmt.Sprint(family), fmt.Sprint(i))
}

// tallies are the openings for another process.
func (in *openings) tallies() (out []Tally) {
	if in == nil {
		return nil
	}
	for o := range in {
		for f := range in[o] {
			for i, s := range in[o][f] {
				// The bit beyond both makes port 0 something, too.
				ports := 1<<32 | uint64(s.Lo&match.MaxLow)<<16 | uint64(s.Hi&match.MaxLow)
				out = append(out, Tally{Of: openingTally(o, f, i), Count: ports})
			}
		}
	}
	return out
}

// openingsFrom reads what tallies returned; what is no span is left out.
func openingsFrom(of map[Identity]Tally) *openings {
	const tcp = match.Selector(conntrack.ProtoTCP) << 16
	var all openings
	for o := range all {
		for f := range all[o] {
			for i := 0; ; i++ {
				t, ok := of[openingTally(o, f, i)]
				if !ok {
					break
				}
				lo, hi := match.Selector(t.Count>>16)&match.MaxLow, match.Selector(t.Count)&match.MaxLow
				if lo <= hi {
					all[o][f] = append(all[o][f], match.Span{Lo: tcp | lo, Hi: tcp | hi, Rule: 1})
				}
			}
		}
	}
	return (*openings)(nil).with(&all)
}
