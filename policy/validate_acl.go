package policy

import "fmt"

// networkACLs checks the network ACLs (N1 to N4, N10).
func (v *validator) networkACLs() {
	total(v, "network ACLs", "network_acls", NetworkACLLimitExceeded, v.q.NetworkACLs,
		v.p.NetworkACLs, func(n *NetworkACL) Pos { return n.Pos })
	seen := make(map[string]Pos)
	for i := range v.p.NetworkACLs {
		n := &v.p.NetworkACLs[i]
		if bad := checkName("network ACL", n.Name); bad != nil {
			bad.Field = "name"
			v.report(n.Pos, bad)
		}
		v.unique(seen, "network ACL", n.Name, "", n.Pos)
		checkTags(n.Tags, func(bad *Problem) { v.report(n.Pos, bad) })
		for _, d := range []Direction{Ingress, Egress} {
			v.aclRules(n, d)
			v.aclCounters(n, d)
		}
	}
}

// aclRules checks the rules of one list. One number stands once, whatever the families.
func (v *validator) aclRules(n *NetworkACL, d Direction) {
	rules := n.Rules(d)
	seen := make(map[int]*ACLRule, len(rules))
	for i := range rules {
		r := &rules[i]
		if r.Number < MinACLNumber || r.Number > MaxACLNumber {
			v.errorf(r.Pos, "rule_no", InvalidParameterValue,
				fmt.Sprintf("%d to %d; steps of 100 leave room", MinACLNumber, MaxACLNumber),
				"rule_no %d is out of range", r.Number)
		} else if other := seen[r.Number]; other != nil {
			v.errorf(r.Pos, "rule_no", ACLEntryExists, "each number once in a list, for both families",
				"%s rule %d is there already%s", d, r.Number, see(other.Pos))
		}
		seen[r.Number] = r
		if !v.cidr(r.Pos, r.CIDR) {
			continue
		}
		as := Rule{Protocol: r.Protocol, From: r.From, To: r.To, Pos: r.Pos}
		if v.ports(&as) {
			v.report(r.Pos, wrongFamily(r.Protocol, FamilyOf(r.CIDR)))
		}
	}
}

// aclCounters checks the rules of a list against the quota of each family, which counts the
// rule `*` (N10).
func (v *validator) aclCounters(n *NetworkACL, d Direction) {
	if n.Default {
		return // nobody wrote it
	}
	usage := n.Usage()
	for _, f := range []Family{IPv4, IPv6} {
		if c := usage.Of(d, f); near(c, v.q.RulesPerNetworkACL) && c <= v.q.RulesPerNetworkACL {
			v.nearly(n.Pos, d.String(), "rules_per_network_acl",
				"network ACL %s uses %d of %d %s rules for %s", Quote(n.Name), c, v.q.RulesPerNetworkACL, d, f)
		}
	}
	used := map[Family]int{IPv4: 1, IPv6: 1}
	for i := range n.Rules(d) {
		r := &n.Rules(d)[i]
		f := FamilyOf(r.CIDR)
		if used[f]++; used[f] == v.q.RulesPerNetworkACL+1 {
			v.errorf(r.Pos, "", ACLEntryLimitExceeded,
				"the rule * counts, too; see quotas.rules_per_network_acl",
				"network ACL %s has more than %d %s rules for %s", Quote(n.Name), v.q.RulesPerNetworkACL, d, f)
		}
	}
}

// knownACL reports the name of a network ACL that does not exist.
func (v *validator) knownACL(n *Interface) {
	name := n.NetworkACL
	if name == "" || v.p.NetworkACL(name) != nil {
		return
	}
	if NetworkACLID.Meant(name) {
		if bad := NetworkACLID.Check(name); bad != nil {
			bad.Field, bad.Hint = "network_acl", "network ACLs go by name here, not by ID"
			v.report(n.Pos, bad)
			return
		}
	}
	names := make([]string, 0, len(v.p.NetworkACLs))
	for i := range v.p.NetworkACLs {
		names = append(names, v.p.NetworkACLs[i].Name)
	}
	v.missing(n.Pos, "network_acl", NetworkACLNotFound, name, "network ACL",
		v.hint(name, names, "name it under network_acls"))
}
