package audit

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/space"
)

// unit is what is judged as one: a group, or the groups of an interface.
type unit struct {
	// group is nil for several.
	group  *examined
	groups []*examined
	device string
	pos    policy.Pos
	sides  [2]side // by direction
}

// side is one direction of a unit.
type side struct {
	direction policy.Direction
	// rules are left out for the groups of an interface until they are asked for: they are
	// many.
	rules []entry
	// world is what is open to everybody, by family, and some whether anything is to anybody.
	world [2]spans
	some  [2]bool
	// returns says by family whether a rule is written for all addresses and all ports: then
	// flows of the other direction need not be tracked (T2).
	returns [2]bool
}

// entry is a rule with what it permits.
type entry struct {
	*policy.Rule
	group *examined
	span  space.Span
	peers space.Peers
	sample
}

// spans are disjoint and in ascending order; no two touch.
type spans []space.Span

// add appends a span behind all others.
func (l spans) add(s space.Span) spans {
	if n := len(l); n > 0 && l[n-1].Hi+1 == s.Lo {
		l[n-1].Hi = s.Hi
		return l
	}
	return append(l, s)
}

// cover reports whether all of a span is in l.
func (l spans) cover(s space.Span) bool {
	return slices.ContainsFunc(l, func(x space.Span) bool { return x.Lo <= s.Lo && s.Hi <= x.Hi })
}

func (l spans) overlap(s space.Span) bool {
	return slices.ContainsFunc(l, s.Overlaps)
}

// minus returns what is not in o.
func (l spans) minus(o spans) (out spans) {
	for _, s := range l {
		lo := s.Lo
		for _, x := range o {
			if x.Hi < lo || x.Lo > s.Hi {
				continue
			}
			if x.Lo > lo {
				out = append(out, space.Span{Lo: lo, Hi: x.Lo - 1})
			}
			lo = x.Hi + 1
		}
		if lo <= s.Hi {
			out = append(out, space.Span{Lo: lo, Hi: s.Hi})
		}
	}
	return out
}

// unit prepares groups that are judged as one.
func (a *auditor) unit(device string, groups ...*examined) *unit {
	u := &unit{groups: groups, device: device}
	if len(groups) == 1 {
		u.group, u.pos = groups[0], groups[0].Pos
	}
	for _, d := range directions {
		s := &u.sides[d]
		s.direction = d
		var plain []*policy.Group
		for _, g := range groups {
			plain = append(plain, g.Group)
			if len(groups) > 1 { // see rulesOf
				for i, r := range g.alone.sides[d].returns {
					s.returns[i] = s.returns[i] || r
				}
				continue
			}
			rules := g.Rules(d)
			for i := range rules {
				peers := a.reading.Peers(&rules[i])
				s.rules = append(s.rules, entry{&rules[i], g, space.RuleSpan(&rules[i]), peers,
					sampleOf(peers, rules[i].Peer)})
				for k, f := range families {
					s.returns[k] = s.returns[k] || s.rules[i].returns(f)
				}
			}
		}
		for span, peers := range a.reading.Groups(d, plain...).All() {
			for i, f := range families {
				s.some[i] = s.some[i] || !peers.Only(f).Empty()
				if everybody(peers, f) {
					s.world[i] = s.world[i].add(span)
				}
			}
		}
	}
	return u
}

// rulesOf are the rules of several groups in one direction.
func rulesOf(groups []*examined, d policy.Direction) (out []entry) {
	for _, g := range groups {
		out = append(out, g.alone.sides[d].rules...)
	}
	return out
}

// everybody reports whether half of the public addresses of a family are among the peers, or
// more: a rule with a hole is open to everybody, too.
func everybody(p space.Peers, f policy.Family) bool {
	// Less than this of all addresses cannot be half of the public ones.
	least := 0.4
	if f == policy.IPv6 {
		least = 0.06
	}
	return p.Share(f) >= least && p.ShareOf(space.Internet(), f) >= 0.5
}

// public reports whether there is a public address among the peers.
func public(p space.Peers) bool { return !p.Intersect(space.Internet()).Empty() }

// opens finds the rules that open something of a span to everybody: the rules of each choice,
// which are of one block, do by themselves, or there is one choice, of rules that do together.
func (s *side) opens(span space.Span, f policy.Family) (choices [][]entry) {
	var joint []entry
	for i := 0; i < len(s.rules); {
		var same []entry
		var peers space.Peers
		j := i
		for ; j < len(s.rules) && sameBlock(s.rules[i], s.rules[j]) &&
			sameTraffic(s.rules[i].Rule, s.rules[j].Rule); j++ {
			if e := s.rules[j]; e.span.Overlaps(span) && (e.sample.every[familyIndex(f)] ||
				public(e.peers.Only(f))) {
				same, peers = append(same, e), peers.Union(e.peers.Only(f))
			}
		}
		i = j
		if everybody(peers, f) {
			choices = append(choices, same)
		} else {
			joint = append(joint, same...)
		}
	}
	if len(choices) == 0 && len(joint) > 0 {
		choices = append(choices, joint)
	}
	return choices
}

// blocks merges choices that are of the same block of the file, such as for two families.
func blocks(choices [][]entry) (out [][]entry) {
	for _, c := range choices {
		same := func(o []entry) bool {
			return len(o) == len(c) && slices.EqualFunc(o, c, sameBlock) ||
				sameBlock(o[0], c[0]) && oneBlock(o) && oneBlock(c)
		}
		if i := slices.IndexFunc(out, same); i >= 0 {
			for _, e := range c {
				if !slices.ContainsFunc(out[i], func(x entry) bool { return x.Rule == e.Rule }) {
					out[i] = append(out[i], e)
				}
			}
			continue
		}
		out = append(out, slices.Clone(c))
	}
	return out
}

// sameBlock reports whether rules are written in one place: several blocks that a loop makes
// have one, too.
func sameBlock(a, b entry) bool {
	return a.group == b.group && a.Pos == b.Pos && (a.Index == b.Index || a.Pos != policy.Pos{})
}

func oneBlock(es []entry) bool {
	return !slices.ContainsFunc(es, func(e entry) bool { return !sameBlock(e, es[0]) })
}

// about begins a finding about rules of one direction.
func (u *unit) about(d policy.Direction, es ...entry) Finding {
	f := Finding{Severity: unset, Device: u.device, Pos: u.pos, direction: d, rules: es}
	if u.group != nil {
		f.Group = u.group.Name
		f.anchors = append(f.anchors, u.group.Pos)
	}
	if len(es) == 0 {
		return f
	}
	first := es[0]
	f.Rule = d.String() + " " + ruleText(es)
	if f.Pos = first.Pos; f.Pos == (policy.Pos{}) {
		f.Pos = first.group.Pos
	}
	if oneBlock(es) && len(es) == 1 && first.Peer.Pos != (policy.Pos{}) {
		f.anchors = append(f.anchors, first.Peer.Pos)
	}
	for _, e := range es {
		if e.group != u.group {
			f.anchors = append(f.anchors, e.group.Pos)
		}
		if e.Pos != f.Pos && e.Pos != (policy.Pos{}) && !slices.Contains(f.Related, e.Pos) {
			f.Related = append(f.Related, e.Pos)
		}
	}
	return f
}

// listed is how many things of a kind a text names.
const listed = 4

// ruleText is rules of one direction in one line: "tcp 22 0.0.0.0/0, ::/0".
func ruleText(es []entry) string {
	var texts []string
	for i := 0; i < len(es); {
		what := es[i].String()
		j := i + 1
		for ; j < len(es) && sameTraffic(es[i].Rule, es[j].Rule); j++ {
			if j-i < listed {
				what += ", " + es[j].Peer.String()
			}
		}
		if n := j - i - listed; n > 0 {
			what += fmt.Sprintf(" and %d more", n)
		}
		texts = append(texts, what)
		i = j
	}
	return abridged(texts, "; ")
}

// abridged joins the first few of a list, and counts the others.
func abridged(texts []string, between string) string {
	if n := len(texts) - listed; n > 1 {
		return strings.Join(texts[:listed], between) + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(texts, between)
}

func sameTraffic(a, b *policy.Rule) bool {
	return a.Protocol == b.Protocol && a.From == b.From && a.To == b.To
}
