package file

import (
	"net/netip"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

func (d *decoder) networkACL(n *node) (acl policy.NetworkACL, ok bool) {
	f, ok := d.mapping(n, "a network ACL", aclKeys)
	if !ok {
		return acl, false
	}
	acl.Pos, acl.Tags = d.part(n), d.tags(f["tags"])
	acl.Ingress = d.aclRules(f["ingress"], policy.Ingress)
	acl.Egress = d.aclRules(f["egress"], policy.Egress)
	acl.Name, ok = d.name(f["name"], "name")
	return acl, ok
}

// aclRules reads the numbered rules of one list.
func (d *decoder) aclRules(n *node, dir policy.Direction) (rules []policy.ACLRule) {
	for _, item := range d.items(n, dir.String()) {
		if r, ok := d.aclRule(item); ok {
			rules = append(rules, r)
		}
	}
	return rules
}

func (d *decoder) aclRule(n *node) (r policy.ACLRule, ok bool) {
	f, ok := d.mapping(n, "a rule of a network ACL", aclRuleKeys)
	if !ok {
		return r, false
	}
	r.Pos = d.part(n)
	number, numbered := d.number(f["rule_no"], "rule_no")
	if f["rule_no"] == nil {
		d.errorAt(r.Pos, policy.MissingParameter, "such as rule_no: 100; the lowest that matches decides",
			"the rule has no rule_no")
	}
	action := d.word(f["action"], "action", aclRulePath)
	if f["action"] == nil {
		d.errorAt(r.Pos, policy.MissingParameter, "allow or deny", "the rule has no action")
	}
	if action == policy.Allow.String() {
		r.Action = policy.Allow
	}
	protocol, known := d.protocol(f["protocol"], r.Pos)
	r.Number, r.Protocol = number, protocol
	cidr, one := d.aclCIDR(f, r.Pos)
	r.CIDR = cidr
	if !known {
		return r, false
	}
	spans, ok := d.spans(f, protocol, r.Pos)
	if ok && len(spans) > 1 {
		d.invalid(f["ports"], "a rule with a number of its own for each, or one range",
			"a rule of a network ACL has one range of ports, not %d", len(spans))
		ok = false
	}
	if ok {
		r.From, r.To = spans[0].from, spans[0].to
	}
	return r, ok && numbered && one && action != ""
}

// aclCIDR reads the CIDR of a rule, which stands under the key of its family.
func (d *decoder) aclCIDR(f fields, pos policy.Pos) (netip.Prefix, bool) {
	v4, v6 := f["cidr_block"], f["ipv6_cidr_block"]
	switch {
	case v4 != nil && v6 != nil:
		d.errorAt(d.at(v6), policy.InvalidParameterCombination,
			"a rule with a number of its own for each family", "ipv6_cidr_block stands beside cidr_block")
		return netip.Prefix{}, false
	case v4 == nil && v6 == nil:
		d.errorAt(pos, policy.MissingParameter, "such as cidr_block: 0.0.0.0/0",
			"the rule has no cidr_block and no ipv6_cidr_block")
		return netip.Prefix{}, false
	}
	n, key, other, want := v4, "cidr_block", "ipv6_cidr_block", policy.IPv4
	if n == nil {
		n, key, other, want = v6, "ipv6_cidr_block", "cidr_block", policy.IPv6
	}
	cidr, ok := d.cidr(n, key)
	if ok && policy.FamilyOf(cidr) != want {
		d.invalid(n, "it goes under "+other, "%s is %s", cidr, policy.FamilyOf(cidr))
		return cidr, false
	}
	return cidr, ok
}

// protocol reads the protocol of a rule, which has one.
func (d *decoder) protocol(n *node, pos policy.Pos) (p policy.Protocol, ok bool) {
	switch {
	case n == nil:
		d.errorAt(pos, policy.InvalidParameterValue,
			"tcp, udp, icmp, icmpv6, a number 0 to 255, or all", "the rule has no protocol")
		return p, false
	case unusable(n):
		return p, false
	case n.Kind != yaml.ScalarNode:
		d.invalid(n, "one rule for each protocol, or all",
			"protocol must be a name or a number, not %s", describe(n))
		return p, false
	}
	p, bad := policy.ParseProtocol(n.Value)
	if bad != nil {
		bad.Pos = d.at(n)
		d.found.Add(*bad)
	}
	return p, bad == nil
}
