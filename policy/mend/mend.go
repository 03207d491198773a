package mend

import (
	"fmt"
	"maps"
	"slices"

	"sgfw/policy"
	"sgfw/policy/audit"
	"sgfw/policy/file"
)

// Change is something that a diff does.
type Change struct {
	// Code is the finding's, and Line where it begins in the old file, from 1.
	Code string
	Line int
	// What is done, in words, and Why nothing breaks.
	What, Why string
	// Observed is true if only what a daemon has seen says so.
	Observed bool
}

// Diff is what is to be written.
type Diff struct {
	// Text is a unified diff, empty for nothing. It is applied with patch(1) or git apply, which
	// pass over the lines at its beginning: they say why.
	Text []byte
	// Fixed is the file after it.
	Fixed []byte
	// Changes are in the order of the file.
	Changes []Change
	// Left are findings that could be mended but for how the file is written: tags, anchors,
	// several rules in one line.
	Left []Change
}

// unit are the changes of one block, or of one group.
type unit struct {
	mends []audit.Mend
	// edits are in no order.
	edits []edit
	// list and item are set if the unit is a whole item of a list.
	list *node
	item int
}

// Policy returns the diff of a policy file for mends of an audit of it. What the fixed file
// means is read back: it is valid, and has the rules and groups that were meant, or the change
// in question is left out.
func Policy(p *policy.Policy, name string, text []byte, mends []audit.Mend) (*Diff, error) {
	t, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading %s again: %w", name, err)
	}
	d := &Diff{}
	var units []*unit
	for _, u := range unitsOf(mends) {
		if u.mends[0].Pos.File != name || !u.plan(t) {
			d.Left = append(d.Left, u.changes()...)
			continue
		}
		units = append(units, u)
	}
	var taken []*unit
	var take func([]*unit)
	take = func(more []*unit) {
		all := append(slices.Clone(taken), more...)
		switch {
		case len(more) == 0:
		case sound(p, name, t, all):
			taken = all
		case len(more) == 1:
			d.Left = append(d.Left, more[0].changes()...)
		default:
			take(more[:len(more)/2])
			take(more[len(more)/2:])
		}
	}
	take(units)
	if len(taken) == 0 {
		d.Fixed = text
		return d, nil
	}
	slices.SortFunc(taken, func(a, b *unit) int { return a.first() - b.first() })
	for _, u := range taken {
		d.Changes = append(d.Changes, u.changes()...)
	}
	edits, _ := t.together(taken)
	d.Fixed = t.edited(edits)
	d.Text = append(reasons(name, d.Changes), t.unified(name, edits, taken)...)
	return d, nil
}

// unitsOf puts mends of one block together; groups that go are the last.
func unitsOf(mends []audit.Mend) (out []*unit) {
	type key struct {
		at    policy.Pos
		group string
		dir   policy.Direction
	}
	known := map[key]*unit{}
	for _, m := range mends {
		k := key{group: m.Group.Name, at: m.Group.Pos}
		if len(m.Rules) > 0 {
			k.at, k.dir = m.Rules[0].Pos, m.Direction
		}
		u := known[k]
		if u == nil {
			u = &unit{}
			known[k], out = u, append(out, u)
		}
		u.mends = append(u.mends, m)
	}
	return out
}

// changes are what the unit does, a line for each mend.
func (u *unit) changes() (out []Change) {
	for _, m := range u.mends {
		c := Change{Code: m.Code, Line: m.Pos.Line, Why: m.Why, Observed: m.Observed}
		switch {
		case len(m.Rules) == 0:
			c.What = fmt.Sprintf("group %s goes", m.Group.Name)
		case len(m.Adds) > 0:
			c.What = fmt.Sprintf("%s becomes narrower", m.Rules[0])
			if len(m.Peers) > 0 && m.Peers[0].Bits() == 0 {
				c.What = fmt.Sprintf("%s stands for its parts", m.Peers[0])
			}
		default:
			c.What = fmt.Sprintf("%s goes", m.Rules[0])
			if n := len(m.Rules) - 1; n > 0 {
				c.What = fmt.Sprintf("%s and %d more go", m.Rules[0], n)
			}
		}
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// sound reports whether the text after the units is a policy with what they mean, and
// otherwise what it was.
func sound(p *policy.Policy, name string, t *text, units []*unit) bool {
	edits, ok := t.together(units)
	if !ok {
		return false
	}
	got, _, err := file.Parse(name, t.edited(edits))
	if err != nil {
		return false
	}
	gone, added, groups := map[*policy.Rule]bool{}, map[side][]policy.RuleID{}, map[string]bool{}
	for _, u := range units {
		for _, m := range u.mends {
			groups[m.Group.Name] = groups[m.Group.Name] || len(m.Rules) == 0
			for _, r := range m.Rules {
				gone[r] = true
			}
			at := side{m.Group.Name, m.Direction}
			added[at] = append(added[at], m.Adds...)
		}
	}
	want := map[side]map[policy.RuleID]string{}
	each(p, func(at side, rules []policy.Rule) {
		if groups[at.group] {
			return
		}
		want[at] = map[policy.RuleID]string{}
		for i := range rules {
			if !gone[&rules[i]] {
				want[at][rules[i].ID()] = rules[i].Description
			}
		}
	})
	has := map[side]map[policy.RuleID]string{}
	each(got, func(at side, rules []policy.Rule) {
		has[at] = map[policy.RuleID]string{}
		for i := range rules {
			has[at][rules[i].ID()] = rules[i].Description
		}
		for _, id := range added[at] {
			if _, there := want[at][id]; !there && want[at] != nil {
				want[at][id] = has[at][id]
			}
		}
	})
	// Interfaces, lists and settings are what they were.
	rest := *got
	rest.Groups = p.Groups
	return len(policy.Diff(p, &rest)) == 0 && maps.EqualFunc(want, has,
		func(a, b map[policy.RuleID]string) bool { return maps.Equal(a, b) })
}

// side is one direction of a group.
type side struct {
	group     string
	direction policy.Direction
}

func each(p *policy.Policy, do func(side, []policy.Rule)) {
	for i := range p.Groups {
		g := &p.Groups[i]
		for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
			do(side{g.Name, d}, g.Rules(d))
		}
	}
}
