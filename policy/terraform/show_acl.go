package terraform

import (
	"slices"
	"strconv"

	"sgfw/policy"
)

// stateACL is a network ACL of a state, with what else the state has of it.
type stateACL struct {
	policy.NetworkACL
	id, address string
	subnets     []string
	known       [2]map[int]bool // the numbers of its rules, by direction
}

// stateACLPart is an aws_network_acl_rule, or an association, until all lists are known.
type stateACLPart struct {
	of, address string
	rule        policy.ACLRule
	direction   policy.Direction
	subnet      string // of an association, empty for a rule
}

// networkACL reads a resource of a network ACL. Of a plan nothing is known for sure, such as
// which list a rule is of: there they are left out with a notice.
func (s *document) networkACL(r *value, typ string) {
	pos, address, v := s.text.pos(int(r.offset)), printable(r.get("address").str()), r.get("values")
	if s.plan {
		s.acl(pos, address)
		return
	}
	switch typ {
	case "aws_network_acl", "aws_default_network_acl":
		n := &stateACL{id: v.get("id").str(), address: address, known: [2]map[int]bool{{}, {}}}
		n.Pos, n.Name = pos, orElse(v.path("tags", "Name").str(), address)
		tags := v.get("tags")
		for i := range tags.members() {
			if tag := &tags.items[i]; tag.key != "Name" && tag.kind == kindString {
				if n.Tags == nil {
					n.Tags = map[string]string{}
				}
				n.Tags[tag.key] = tag.text
			}
		}
		for _, subnet := range v.get("subnet_ids").list() {
			n.subnets = append(n.subnets, subnet.str())
		}
		for d, key := range []string{"ingress", "egress"} {
			for i := range v.get(key).list() {
				if rule, ok := s.aclRule(&v.get(key).items[i], "rule_no", "action"); ok {
					n.add(policy.Direction(d), rule)
				}
			}
		}
		s.stateACLs = append(s.stateACLs, n)
	case "aws_network_acl_rule":
		rule, ok := s.aclRule(v, "rule_number", "rule_action")
		if rule.Pos = pos; !ok {
			return
		}
		p := stateACLPart{of: v.get("network_acl_id").str(), address: address, rule: rule}
		if e := v.get("egress"); e != nil && e.kind == kindTrue {
			p.direction = policy.Egress
		}
		s.aclParts = append(s.aclParts, p)
	case "aws_network_acl_association":
		s.aclParts = append(s.aclParts, stateACLPart{of: v.get("network_acl_id").str(),
			address: address, rule: policy.ACLRule{Pos: pos}, subnet: v.get("subnet_id").str()})
	}
}

// add adds a rule unless the list has one of its number: a refreshed state has those of
// aws_network_acl_rule in both places.
func (n *stateACL) add(d policy.Direction, r policy.ACLRule) {
	if n.known[d][r.Number] {
		return
	}
	n.known[d][r.Number] = true
	if d == policy.Egress {
		n.Egress = append(n.Egress, r)
	} else {
		n.Ingress = append(n.Ingress, r)
	}
}

// aclRule reads a rule of which number and action have these keys.
func (s *document) aclRule(v *value, number, action string) (r policy.ACLRule, ok bool) {
	if v == nil || v.kind != kindObject {
		return r, false
	}
	r.Pos, r.From, r.To = s.text.pos(int(v.offset)), -1, -1
	s.room(r.Pos, 1)
	n, numbered := v.get(number).whole()
	if !numbered {
		s.errorf(r.Pos, "", "the rule of a network ACL has no %s", number)
		return r, false
	}
	r.Number = n
	switch v.get(action).str() {
	case policy.Allow.String():
		r.Action = policy.Allow
	case policy.Deny.String():
	default:
		s.errorf(r.Pos, "allow or deny", "the rule of a network ACL has no %s that is known", action)
		return r, false
	}
	cidr, bad := policy.ParseCIDR(orElse(v.get("cidr_block").str(), v.get("ipv6_cidr_block").str()))
	r.CIDR = cidr
	if bad == nil {
		r.Protocol, bad = policy.ParseProtocol(v.get("protocol").str())
	}
	if bad == nil {
		switch {
		case r.Protocol.IsICMP():
			r.From, r.To = v.get("icmp_type").or(-1), v.get("icmp_code").or(-1)
		case r.Protocol.HasPorts():
			r.From, r.To = v.get("from_port").or(0), v.get("to_port").or(policy.MaxPort)
		}
		bad = policy.CheckRange(r.Protocol, r.From, r.To)
	}
	s.Add(r.Pos, bad)
	return r, bad == nil
}

// whole is a whole number, which old providers write as a text.
func (v *value) whole() (n int, ok bool) {
	if v == nil || v.kind != kindNumber && v.kind != kindString {
		return 0, false
	}
	n, err := strconv.Atoi(v.text)
	return n, err == nil
}

// or is a whole number, otherwise another one.
func (v *value) or(other int) int {
	if n, ok := v.whole(); ok {
		return n
	}
	return other
}

// placeACLs gives the network ACLs of states to the draft.
func (t *translator) placeACLs() {
	byID := make(map[string]*stateACL, len(t.stateACLs))
	for _, n := range t.stateACLs {
		byID[n.id] = n
	}
	for _, p := range t.aclParts {
		switch n := byID[p.of]; {
		case n == nil:
			t.acl(p.rule.Pos, p.address)
		case p.subnet == "":
			n.add(p.direction, p.rule)
		case !slices.Contains(n.subnets, p.subnet):
			n.subnets = append(n.subnets, p.subnet)
		}
	}
	for _, n := range t.stateACLs {
		t.Comment(n.Pos, "%s, %s", n.id, n.address)
		t.NetworkACL(n.NetworkACL, n.id, n.subnets...)
	}
}

// members are those of an object.
func (v *value) members() []value {
	if v == nil || v.kind != kindObject {
		return nil
	}
	return v.items
}
