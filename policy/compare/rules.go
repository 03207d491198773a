package compare

import (
	"slices"

	"sgfw/policy"
	"sgfw/policy/space"
)

// known is a rule of one policy as the other would write it.
type known struct {
	*policy.Rule
	id policy.RuleID
}

// rules are the rules of groups in one direction, each once. Rules with the same identity in
// both policies mean the same.
func (c *comparison) rules(s *side, d policy.Direction, names []string) (out []known) {
	seen := make(map[policy.RuleID]bool)
	for _, name := range names {
		g := s.index[name]
		if g == nil {
			continue
		}
		rules := g.Rules(d)
		for i := range rules {
			id := rules[i].ID()
			if s == &c.before && id.Kind == policy.PeerGroup && c.renamed[id.Name] != "" {
				id.Name = c.renamed[id.Name]
			}
			if id.Kind != policy.PeerCIDR && c.another(id) {
				id.Name = "\x00" + s.mark + id.Name // it means something else there
			}
			if !seen[id] {
				seen[id] = true
				out = append(out, known{&rules[i], id})
			}
		}
	}
	return out
}

// another reports whether a group or list stands for others in the other policy.
func (c *comparison) another(id policy.RuleID) bool {
	id.Protocol, id.From, id.To = policy.AllProtocols, -1, -1
	is, there := c.differs[id]
	if !there {
		read := func(s *side, name string) space.Peers {
			return s.reading.Peers(&policy.Rule{Protocol: policy.AllProtocols,
				Peer: policy.Peer{Kind: id.Kind, Name: name}})
		}
		was := id.Name
		for before, after := range c.renamed {
			if after == id.Name && id.Kind == policy.PeerGroup {
				was = before
			}
		}
		is = !read(&c.before, was).Equal(read(&c.after, id.Name))
		c.differs[id] = is
	}
	return is
}

// same reports whether groups of the one policy permit the same as groups of the other.
func (c *comparison) same(before, after []string) bool {
	opened, closed := c.between(before, after)
	return opened[0].Empty() && opened[1].Empty() && closed[0].Empty() && closed[1].Empty()
}

// between returns what groups of the new policy permit that groups of the old one do not,
// and the reverse, by direction.
func (c *comparison) between(before, after []string) (opened, closed [2]space.Set) {
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		a, b := c.rules(&c.before, d, before), c.rules(&c.after, d, after)
		opened[d] = c.beyond(&c.after, b, &c.before, a)
		closed[d] = c.beyond(&c.before, a, &c.after, b)
	}
	return opened, closed
}

// beyond returns what rules permit that others do not. What they have in common needs no
// look, and of the others only those that are about the same protocols and ports do.
func (c *comparison) beyond(s *side, rules []known, o *side, others []known) space.Set {
	have := make(map[policy.RuleID]bool, len(others))
	for _, r := range others {
		have[r.id] = true
	}
	var more []policy.Rule
	for _, r := range rules {
		if !have[r.id] {
			more = append(more, *r.Rule)
		}
	}
	if len(more) == 0 {
		return space.Set{}
	}
	spans := make([]space.Span, len(more))
	for i := range more {
		spans[i] = space.RuleSpan(&more[i])
	}
	near := func(list []known) (out []policy.Rule) {
		for _, r := range list {
			of := space.RuleSpan(r.Rule)
			if slices.ContainsFunc(spans, of.Overlaps) {
				out = append(out, *r.Rule)
			}
		}
		return out
	}
	found := s.reading.Set(more...).Minus(o.reading.Set(near(others)...))
	if found.Empty() {
		return found
	}
	// An atom is not beyond the others where every address is.
	return found.Intersect(s.reading.Set(near(rules)...).Minus(o.reading.Set(near(others)...)))
}
