package filter

import (
	"slices"

	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/policy"
)

// openRules are the rules of one interface that are for everybody, which is what
// leaves a flow of TCP or UDP untracked as AWS has it (T2): a rule
// in the opening direction permits it to 0.0.0.0/0 (or ::/0), and a rule in the
// other direction permits 0.0.0.0/0 (or ::/0) all ports. The third clause, flows
// that AWS tracks because of a gateway on their way (T5), does not occur here.
//
// A family has only its own rules (T3). Each clause needs a single rule, and one
// whose peer is a CIDR: neither a union of rules nor a prefix list with 0.0.0.0/0
// is open, but a narrow rule that permits the flow, too, changes nothing (T7).
type openRules struct {
	// opening are by direction and family the selectors that such rules permit.
	opening [2][2][]match.Span
	// returning has by direction, family and protocol (0: TCP, 1: UDP) a rule for
	// all ports, or NoRule.
	returning [2][2][2]match.RuleNumber
	// past is what was open so far. Once they are in force that includes these.
	past *pastOpenings
}

// openRules returns the open rules of the groups.
func (c *compilation) openRules(names []string) *openRules {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	shared := poolName(names)
	if w, ok := c.wides[shared]; ok {
		return w
	}
	w := new(openRules)
	for _, name := range names {
		gg, ok := c.groups[name]
		if !ok {
			continue
		}
		g, ids := gg.group, c.stand[name]
		for d, rules := range [...][]policy.Rule{
			conntrack.Ingress: g.Ingress, conntrack.Egress: g.Egress} {
			for j := range rules {
				w.add(conntrack.Direction(d), &rules[j], ids[d][j])
			}
		}
	}
	for d := range w.opening {
		for f := range w.opening[d] {
			w.opening[d][f] = match.Flatten(w.opening[d][f])
		}
	}
	c.wides[shared] = w
	return w
}

// add adds a rule if it is for everybody.
func (w *openRules) add(d conntrack.Direction, r *policy.Rule, id match.RuleNumber) {
	if r.Peer.Kind != policy.PeerCIDR || r.Peer.CIDR.Bits() != 0 {
		return
	}
	f := family(conntrack.AddrFrom(r.Peer.CIDR.Addr()))
	lo, hi := selectorRange(r)
	w.opening[d][f] = append(w.opening[d][f], match.Span{Lo: lo, Hi: hi, Rule: id})
	for i, proto := range [...]match.Selector{conntrack.ProtoTCP, conntrack.ProtoUDP} {
		if at := &w.returning[d][f][i]; lo <= proto<<16 && hi >= proto<<16|match.MaxLow &&
			(*at == match.NoRule || id < *at) {
			*at = id
		}
	}
}

// mayAnswer reports whether a segment in direction d, from the middle of a connection
// that nobody remembers, may be the answer of an untracked one that was opened to its
// source port. A rule for all ports permits the answers of any, also of those whose own
// rule is gone. Without one only those count that could once be opened.
func (w *openRules) mayAnswer(d conntrack.Direction, family int, from uint16) bool {
	return w != nil && (w.returning[d][family][0] != match.NoRule ||
		w.past.Load().have(d.Reverse(), family, from))
}

// untracked returns the rule of the opening direction and that of the other one
// which leave a flow untracked that was opened in direction o to a port of TCP or
// UDP; NoRule for each of them that there is not.
func (w *openRules) untracked(o conntrack.Direction, family int, proto uint8,
	asked uint16) (opening, returning match.RuleNumber) {
	i := 0
	switch {
	case w == nil:
		return match.NoRule, match.NoRule
	case proto == conntrack.ProtoUDP:
		i = 1
	case proto != conntrack.ProtoTCP:
		return match.NoRule, match.NoRule
	}
	return match.Find(w.opening[o][family], match.Selector(proto)<<16|match.Selector(asked)),
		w.returning[o.Reverse()][family][i]
}
