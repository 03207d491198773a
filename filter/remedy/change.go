package remedy

import (
	"net/netip"
	"slices"

	"sgfw/policy"
)

// What is what a Change does. The zero value is AddRule.
type What uint8

const (
	// AddRule adds Rule to the rules of Group.
	AddRule What = iota
	// AddACLRule adds ACLRule to the network ACL.
	AddACLRule
	// Attach gives the interface Groups instead of those it has.
	Attach
	// Own gives the interface the addresses Own instead of those it has.
	Own
)

// Change is one change of a policy.
type Change struct {
	What What
	// Direction is that of the list that a rule is added to.
	Direction policy.Direction
	// Group and Rule are for AddRule.
	Group string
	Rule  policy.Rule
	// ACL and ACLRule are for AddACLRule.
	ACL     string
	ACLRule policy.ACLRule
	// Interface is the device, or pattern, of the policy's interface that Attach and Own change.
	Interface string
	Groups    []string
	Own       []netip.Prefix
}

// Apply returns the policy with the changes; p stays as it is, and shares with it what does
// not change. What the changes name is there.
func Apply(p *policy.Policy, changes []Change) *policy.Policy {
	out := *p
	out.Groups, out.Interfaces = slices.Clone(p.Groups), slices.Clone(p.Interfaces)
	out.NetworkACLs = slices.Clone(p.NetworkACLs)
	for i := range changes {
		changes[i].apply(&out)
	}
	return &out
}

// apply changes p, whose lists of groups, interfaces and network ACLs nobody shares.
func (c *Change) apply(p *policy.Policy) {
	switch c.What {
	case AddRule:
		g := p.Group(c.Group)
		list := &g.Ingress
		if c.Direction == policy.Egress {
			list = &g.Egress
		}
		*list = append(slices.Clip(*list), c.Rule)
	case AddACLRule:
		n := p.NetworkACL(c.ACL)
		list := &n.Ingress
		if c.Direction == policy.Egress {
			list = &n.Egress
		}
		*list = append(slices.Clip(*list), c.ACLRule)
	case Attach, Own:
		i := slices.IndexFunc(p.Interfaces, func(n policy.Interface) bool {
			return n.Device == c.Interface
		})
		n := &p.Interfaces[i]
		if c.What == Attach {
			n.Groups = c.Groups
			return
		}
		n.Addresses, n.Prefixes = nil, nil
		for _, own := range c.Own {
			if own.IsSingleIP() {
				n.Addresses = append(n.Addresses, own.Addr())
			} else {
				n.Prefixes = append(n.Prefixes, own)
			}
		}
	}
}
