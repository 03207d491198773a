package remedy

import (
	"cmp"
	"slices"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/member"
)

const (
	// maxVariants bounds how many other packets the judge is asked about.
	maxVariants = 256
	// maxAttached bounds how many groups are tried, one after the other.
	maxAttached = 16
	// maxChanges bounds the changes of one remedy: groups, network ACL and addresses there, and
	// both on the way back.
	maxChanges = 5
)

// Case is a packet, and what it is judged by.
type Case struct {
	Rules *filter.Ruleset
	// Flows may be nil: then no flow is live.
	Flows *conntrack.Table
	Now   conntrack.Time
	// Facts are what is known of the machine's devices: groups that are attached have their
	// addresses as members.
	Facts member.Facts
	Query filter.Query
}

// Found are the remedies of one packet; what there is none of is empty.
type Found struct {
	// Packet is the nearest packet that passes, nil for none.
	Packet *filter.Variant
	// Rules are the rules that let the packet pass, and nothing else but what clients choose
	// anew each time: the port that an answer goes to.
	Rules []Change
	// Groups attach a group that is there already, with what else is needed.
	Groups []Change
	// Crowded is the rule of a network ACL that would need a rule in front of it where no
	// number is free, nil for none. No change of the policy is among the remedies then.
	Crowded *filter.RuleInfo
}

// Find returns the smallest remedies for a packet that filter.Explain explains as x. There
// are none for a packet that passes and whose answer does.
func (c *Case) Find(x *filter.Explanation) (f Found) {
	if len(x.Blocks) == 0 {
		return f
	}
	for _, v := range filter.Nearby(c.Rules, c.Query, maxVariants) {
		if filter.Passes(c.Rules, c.Flows, c.Now, v.Query) {
			f.Packet = &v
			break
		}
	}
	n := c.Rules.Device(c.Query.Device).Interface()
	for _, group := range c.groups(x, n) {
		rule := func() Change { return c.addRule(group) }
		if changes := c.complete(nil, rule); changes != nil {
			f.Rules = changes
			break
		}
	}
	if slices.ContainsFunc(x.Blocks, func(b filter.Block) bool { return forGroups(&b) }) {
		f.Groups = c.attach(n)
	}
	if f.Rules == nil && f.Groups == nil {
		f.Crowded = crowded(c.Rules.Policy(), x.Blocks)
	}
	return f
}

// forGroups reports whether a rule of a group would let pass what is stopped.
func forGroups(b *filter.Block) bool {
	return b.Code == filter.CodeRulesMismatch || b.Code == filter.CodeNoRules
}

// groups are the attached groups that a rule may be added to, first the one that has the
// nearest rule. The default group has a place for rules only if the file says any.
func (c *Case) groups(x *filter.Explanation, n *policy.Interface) (names []string) {
	p := c.Rules.Policy()
	add := func(name string) {
		g := p.Group(name)
		if g != nil && !slices.Contains(names, name) && (!g.Default || g.Pos.Line > 0) {
			names = append(names, name)
		}
	}
	for i := range x.Misses {
		add(x.Misses[i].Rule.Group)
	}
	for _, name := range n.Groups {
		add(name)
	}
	if len(names) == 0 {
		names = []string{""} // a network ACL may be all that has to change
	}
	return names
}

// attach is the smallest remedy by which the interface gets one group more.
func (c *Case) attach(n *policy.Interface) (best []Change) {
	p := c.Rules.Policy()
	rules := 0
	tried := 0
	for _, name := range c.Rules.Permitting(c.Query) {
		if slices.Contains(n.Groups, name) {
			continue
		}
		if tried++; tried > maxAttached {
			break
		}
		g := p.Group(name)
		size := len(g.Rules(policy.Ingress)) + len(g.Rules(policy.Egress))
		first := Change{What: Attach, Interface: n.Device, Groups: append(slices.Clip(n.Groups), name)}
		changes := c.complete([]Change{first}, nil)
		if changes == nil {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(len(changes), len(best)), cmp.Compare(size, rules)) < 0 {
			best, rules = changes, size
		}
	}
	return best
}

// complete adds changes to the first ones until the packet and the answer to it pass, and
// takes away those that are not needed. rule is what to do where groups permit no packet of the
// direction; nil for nothing. The answer is nil if that is not enough.
func (c *Case) complete(changes []Change, rule func() Change) []Change {
	for {
		rs := c.under(changes)
		if rs == nil {
			return nil
		}
		x := filter.Explain(rs, c.Flows, c.Now, c.Query)
		if len(x.Blocks) == 0 {
			break
		}
		next, ok := c.against(rs, &x.Blocks[0], rule)
		if !ok || len(changes) == maxChanges {
			return nil
		}
		changes = append(changes, next)
	}
	for i := 0; i < len(changes); {
		without := slices.Delete(slices.Clone(changes), i, i+1)
		if rs := c.under(without); rs != nil && filter.Passes(rs, c.Flows, c.Now, c.Query) {
			changes = without
			continue
		}
		i++
	}
	return changes
}

// under is the ruleset with the changes, nil if they make no valid policy. What it costs grows
// with the groups of the interface and not with all rules: the others, which nothing here asks,
// are left without theirs, and are not compiled.
func (c *Case) under(changes []Change) *filter.Ruleset {
	p := Apply(c.Rules.Policy(), changes)
	is := c.Rules.Device(c.Query.Device).Interface().Device
	i := slices.IndexFunc(p.Interfaces, func(n policy.Interface) bool { return n.Device == is })
	members := c.Rules.Members()
	if slices.ContainsFunc(changes, func(c Change) bool { return c.What == Attach || c.What == Own }) {
		members = member.Resolve(p, c.Facts)
	}
	var attached []policy.Group
	for g := range p.Groups {
		if slices.Contains(p.Interfaces[i].Groups, p.Groups[g].Name) {
			attached = append(attached, p.Groups[g])
		} else {
			p.Groups[g].Ingress, p.Groups[g].Egress = nil, nil
		}
	}
	if policy.Validate(p).Err() != nil {
		return nil
	}
	p.Groups = attached
	return c.Rules.With(p, members)
}
