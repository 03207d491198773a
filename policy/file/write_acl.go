package file

import "sgfw/policy"

func (w *writer) networkACL(n *policy.NetworkACL) {
	w.comment(2, n.Pos)
	w.first = true
	w.line(4, "name: %s", asText(n.Name))
	w.tags(4, n.Tags)
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		if len(n.Rules(d)) == 0 {
			continue
		}
		w.line(4, "%s:", d)
		for i := range n.Rules(d) {
			w.aclRule(8, &n.Rules(d)[i])
		}
	}
}

func (w *writer) aclRule(indent int, r *policy.ACLRule) {
	w.comment(indent-2, r.Pos)
	w.first = true
	w.line(indent, "rule_no: %d", r.Number)
	w.line(indent, "action: %s", r.Action)
	as := r.AsRule()
	w.service(indent, &as)
	key := "cidr_block"
	if policy.FamilyOf(r.CIDR) == policy.IPv6 {
		key = "ipv6_cidr_block"
	}
	w.line(indent, "%s: %s", key, cidrText(r.CIDR))
}
