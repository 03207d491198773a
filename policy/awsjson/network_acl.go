package awsjson

import (
	"cmp"
	"slices"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// networkACL is a network ACL with the subnets that have it.
type networkACL struct {
	policy.NetworkACL
	subnets []string
}

var (
	aclKeys = set("Associations", "Entries", "IsDefault", "NetworkAclId", "Tags", "VpcId",
		"OwnerId")
	aclRuleKeys = set("CidrBlock", "Ipv6CidrBlock", "Egress", "IcmpTypeCode", "PortRange", "Protocol",
		"RuleAction", "RuleNumber")
)

// networkACL reads a network ACL of describe-network-acls.
func (i *importer) networkACL(n *tree.Node) {
	if !i.object(n, "a network ACL") {
		return
	}
	id, ok := i.id(n, "NetworkAclId", "the network ACL")
	if !ok || !i.count(n.Pos(i.file)) {
		return
	}
	i.unknown(n, "the network ACL", aclKeys)
	acl := &networkACL{NetworkACL: policy.NetworkACL{Tags: i.tags(n, "Tags"), Pos: n.Pos(i.file)}}
	acl.Name = cmp.Or(acl.Tags["Name"], id)
	if delete(acl.Tags, "Name"); len(acl.Tags) == 0 { // it is the name here
		acl.Tags = nil
	}
	for _, item := range i.items(n, "Associations") {
		if !i.object(item, "an association") {
			continue
		}
		if subnet := i.text(item, "SubnetId"); subnet != "" && !slices.Contains(acl.subnets, subnet) {
			acl.subnets = append(acl.subnets, subnet)
		}
	}
	for _, item := range i.items(n, "Entries") {
		r, egress, ok := i.aclRule(item)
		switch {
		case !ok || !i.count(r.Pos):
		case egress:
			acl.Egress = append(acl.Egress, r)
		default:
			acl.Ingress = append(acl.Ingress, r)
		}
	}
	if i.acls[id] == nil { // the same one in two answers is one
		i.acls[id] = acl
		i.aclIDs = append(i.aclIDs, id)
	}
}

// aclRule reads an entry of a network ACL.
func (i *importer) aclRule(n *tree.Node) (r policy.ACLRule, egress, ok bool) {
	if r.Pos = n.Pos(i.file); !i.object(n, "an entry") {
		return r, false, false
	}
	i.unknown(n, "the entry", aclRuleKeys)
	number, numbered := i.number(n, "RuleNumber")
	if number == nil {
		if numbered {
			i.Errorf(r.Pos, "", "the entry has no RuleNumber")
		}
		return r, false, false
	}
	r.Number = *number
	switch v := n.Get("RuleAction"); {
	case v != nil && v.Text == policy.Allow.String():
		r.Action = policy.Allow
	case v == nil || v.Text != policy.Deny.String():
		i.Errorf(r.Pos, "allow or deny", "the entry has no RuleAction that is known")
		return r, false, false
	}
	key, family := "CidrBlock", policy.IPv4
	if v := n.Get("Ipv6CidrBlock"); v != nil && v.Kind != tree.Null {
		key, family = "Ipv6CidrBlock", policy.IPv6
	}
	cidr, good := i.cidr(n, key, family)
	r.CIDR = cidr
	v := n.Get("Egress")
	if v == nil || v.Text != "true" && v.Text != "false" {
		i.Errorf(r.Pos, "true or false", "the entry does not say whether it is for Egress")
		return r, false, false
	}
	return r, v.Text == "true", i.aclService(n, &r) && good
}

// aclService reads protocol and ports, which AWS ignores for protocols that have none (N4).
func (i *importer) aclService(n *tree.Node, r *policy.ACLRule) bool {
	name := n.Get("Protocol")
	if name == nil {
		i.Errorf(r.Pos, "", "the entry has no Protocol")
		return false
	}
	protocol, bad := policy.ParseProtocol(name.Text)
	if bad != nil {
		i.Add(name.Pos(i.file), bad)
		return false
	}
	r.Protocol, r.From, r.To = protocol, -1, -1
	ports, keys, all := n.Get("PortRange"), [2]string{"From", "To"}, [2]int{0, policy.MaxPort}
	switch {
	case protocol.IsICMP():
		ports, keys, all = n.Get("IcmpTypeCode"), [2]string{"Type", "Code"}, [2]int{-1, -1}
	case !protocol.HasPorts():
		return true
	}
	r.From, r.To = all[0], all[1]
	if ports == nil || ports.Kind == tree.Null {
		return true
	}
	if !i.object(ports, "a range") {
		return false
	}
	from, fine := i.number(ports, keys[0])
	to, good := i.number(ports, keys[1])
	if !fine || !good {
		return false
	}
	if from != nil {
		r.From = *from
	}
	if to != nil {
		r.To = *to
	}
	if bad := policy.CheckRange(protocol, r.From, r.To); bad != nil {
		i.Add(ports.Pos(i.file), bad)
		return false
	}
	return true
}

// placeACLs gives the network ACLs to the draft.
func (i *importer) placeACLs() {
	for _, id := range i.aclIDs {
		n := i.acls[id]
		i.Comment(n.Pos, "%s", id)
		i.NetworkACL(n.NetworkACL, id, n.subnets...)
	}
}
