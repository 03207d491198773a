package filter

import (
	"slices"

	"sgfw/policy"
	"sgfw/policy/member"
)

// With returns what the ruleset would be under another policy, on the same devices and with
// the same name servers, as if it were in force. Devices have the same scopes, so that live
// flows are theirs; rules have numbers of their own, and those that flows came by mean nothing.
// It is to be looked at and never published: nothing of it comes into rs or its Compiler. It
// costs what p is large, whatever rs has.
func (rs *Ruleset) With(p *policy.Policy, m *member.Membership) *Ruleset {
	c := NewCompiler()
	c.generation, c.scopes = rs.generation, rs.scopes.clone()
	c.past.Store(rs.past.Load())
	if rs.exemptions != nil {
		c.pending = rs.exemptions.pending
	}
	with := c.Compile(p, m)
	with.remember()
	if rs.exemptions != nil {
		with = with.WithResolvers(rs.exemptions.resolvers)
	}
	return with.WithLinks(rs.Links())
}

// Links returns the devices that the ruleset knows, in no order.
func (rs *Ruleset) Links() (links []member.Link) {
	var seen []*presence
	for _, at := range rs.present { // by each of its names
		if !slices.Contains(seen, at) {
			seen, links = append(seen, at), append(links, at.Link)
		}
	}
	return links
}

// Permitting returns the names of the groups, attached or not, that have a rule which
// permits the packet, in the order of the policy.
func (rs *Ruleset) Permitting(q Query) (names []string) {
	p := q.packet()
	s := selectorOf(&p)
	permits := make(map[string]bool)
	for id := range rs.rules {
		info := &rs.rules[id]
		if info.Group == "" || info.Gone || info.Direction != q.Direction || permits[info.Group] {
			continue
		}
		if lo, hi := selectorRange(&info.Rule); s < lo || s > hi {
			continue // most of them
		}
		permits[info.Group] = len(differences(rs, info, q.Direction, &p)) == 0
	}
	for i := range rs.policy.Groups {
		if name := rs.policy.Groups[i].Name; permits[name] {
			names = append(names, name)
		}
	}
	return names
}
