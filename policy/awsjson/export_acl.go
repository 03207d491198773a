package awsjson

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sgfw/policy"
)

// networkACLs writes the network ACLs that the policy defines, and says what the document has
// no place for: which interface has which.
func (x *exporter) networkACLs() (out []jsonACL) {
	for i := range x.p.NetworkACLs {
		n := &x.p.NetworkACLs[i]
		if n.Default {
			continue // AWS has it anyway
		}
		out = append(out, x.networkACL(n))
	}
	for i := range x.p.Interfaces {
		if in := &x.p.Interfaces[i]; in.NetworkACL != "" {
			x.notice(in.Pos, "AWS gives a network ACL to a subnet",
				"which devices have which network ACL is left out")
			break
		}
	}
	return out
}

func (x *exporter) networkACL(n *policy.NetworkACL) jsonACL {
	out := jsonACL{Associations: []struct{}{}, ID: x.ids.NetworkACL(n.Name), OwnerID: noAccount,
		Tags: []jsonTag{{"Name", n.Name}}}
	for _, key := range slices.Sorted(maps.Keys(n.Tags)) {
		switch value := n.Tags[key]; {
		case strings.HasPrefix(strings.ToLower(key), reserved):
			x.notice(n.Pos, "", "tag %s of network ACL %s is left out: AWS reserves it",
				policy.Quote(key), policy.Quote(n.Name))
		case key != "Name":
			out.Tags = append(out.Tags, jsonTag{key, value})
		case value != n.Name:
			x.notice(n.Pos, "", "tag Name of network ACL %s is left out: its name takes the place",
				policy.Quote(n.Name))
		}
	}
	for _, d := range []policy.Direction{policy.Egress, policy.Ingress} {
		for _, r := range n.Rules(d) {
			out.Entries = append(out.Entries, aclEntry(&r, d))
		}
		for _, f := range []policy.Family{policy.IPv4, policy.IPv6} {
			last := n.Last(f)
			out.Entries = append(out.Entries, aclEntry(&last, d))
		}
	}
	return out
}

// aclEntry is a rule as AWS prints it, with the number of its protocol.
func aclEntry(r *policy.ACLRule, d policy.Direction) jsonACLRule {
	out := jsonACLRule{Egress: d == policy.Egress, Protocol: fmt.Sprint(int(r.Protocol)),
		Action: r.Action.String(), Number: r.Number}
	if r.CIDR.Addr().Is4() {
		out.V4 = r.CIDR.String()
	} else {
		out.V6 = r.CIDR.String()
	}
	switch {
	case r.Protocol.IsICMP():
		out.ICMP = &jsonICMP{Code: r.To, Type: r.From}
	case r.Protocol.HasPorts():
		out.Ports = &jsonPorts{r.From, r.To}
	}
	return out
}
