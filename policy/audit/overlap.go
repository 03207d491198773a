package audit

import (
	"fmt"
	"slices"

	"sgfw/policy"
	"sgfw/policy/space"
)

// overlaps looks for rules of a group that its other rules make superfluous.
func (a *auditor) overlaps(g *examined) {
	for d := range g.alone.sides {
		s := &g.alone.sides[d]
		for _, c := range a.covers(g, s.direction) {
			if len(c.By) == 0 || s.rules[c.Rule].Index == policy.DefaultIndex {
				continue
			}
			a.superfluous(g.alone, s, c.Rule, c.By, "")
		}
	}
}

// covered looks for rules of a group that other groups of the interface make superfluous, on
// all interfaces that have it.
func (a *auditor) covered(at *attachment, u *unit) {
	for d := range u.sides {
		s := &u.sides[d]
		for _, c := range coveredBy(s.rules) {
			e := s.rules[c.Rule]
			if len(c.By) == 0 || e.Index == policy.DefaultIndex || !e.group.included ||
				len(e.group.on) != 1 || !slices.ContainsFunc(c.By, func(i int) bool {
				return s.rules[i].group != e.group
			}) || a.alone(e, s.direction) {
				continue
			}
			a.superfluous(e.group.alone, s, c.Rule, c.By, " on "+at.first.Device)
		}
	}
}

// covers are the rules of a group that its other rules make superfluous.
func (a *auditor) covers(g *examined, d policy.Direction) []space.Cover {
	if !g.judged[d] {
		g.judged[d], g.covers[d] = true, coveredBy(g.alone.sides[d].rules)
	}
	return g.covers[d]
}

// alone reports whether a rule is superfluous within its group.
func (a *auditor) alone(e entry, d policy.Direction) bool {
	rules := e.group.Rules(d)
	return slices.ContainsFunc(a.covers(e.group, d), func(c space.Cover) bool {
		return &rules[c.Rule] == e.Rule
	})
}

// superfluous tells that rule i of a side permits nothing that others do not.
func (a *auditor) superfluous(u *unit, s *side, i int, by []int, where string) {
	e := s.rules[i]
	f := u.about(s.direction, e)
	var others []string
	for _, j := range by {
		o := s.rules[j]
		text := o.String()
		if o.group != e.group {
			text += " of group " + o.group.Name
		}
		others = append(others, text)
		if o.Pos != (policy.Pos{}) && o.Pos != f.Pos {
			f.Related = append(f.Related, o.Pos)
		}
	}
	if len(by) == 1 && same(e, s.rules[by[0]]) {
		if by[0] > i {
			return // told of the later one
		}
		f.Message = fmt.Sprintf("permits the same as %s%s", others[0], where)
		a.add(f, duplicate)
		return
	}
	f.Message = fmt.Sprintf("permits nothing but what %s does%s", abridged(others, ", "), where)
	if len(others) > 1 {
		f.Message = fmt.Sprintf("permits nothing but what %s do together%s", abridged(others, ", "),
			where)
	}
	a.add(f, shadowed)
}

// same reports whether two rules permit the same.
func same(a, b entry) bool { return a.span == b.span && a.peers.Equal(b.peers) }
