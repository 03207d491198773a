package space

import (
	"cmp"
	"slices"

	"sgfw/policy"
)

// everything is what passes where no network ACL is asked.
var everything = Box(whole, PeersOf(policy.AnyIPv4, policy.AnyIPv6))

// Allowed returns what a network ACL allows in one direction, everything for nil: the rule
// with the lowest number that matches decides, and what none matches is denied (N1, N2).
func Allowed(n *policy.NetworkACL, d policy.Direction) (allowed Set) {
	if n == nil {
		return everything
	}
	rules := slices.Clone(n.Rules(d))
	slices.SortFunc(rules, func(a, b policy.ACLRule) int { return cmp.Compare(b.Number, a.Number) })
	for i := range rules { // the first one, which decides, comes last
		if box := Matched(&rules[i]); rules[i].Action == policy.Allow {
			allowed = allowed.Union(box)
		} else {
			allowed = allowed.Minus(box)
		}
	}
	return allowed
}

// Matched returns what a rule of a network ACL matches, whatever it says of that.
func Matched(r *policy.ACLRule) Set {
	as := r.AsRule()
	return Box(RuleSpan(&as), (&Reading{}).Peers(&as))
}
