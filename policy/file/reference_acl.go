package file

import (
	"fmt"

	"sgfw/policy"
)

var aclTable = []Part{
	{
		Path: aclPath,
		Text: `A network ACL judges every packet, also those of live flows and the answers to what
			went out: it is stateless. In each direction the rule with the lowest number that matches
			decides, and what no rule matches is denied. Security groups allow what is needed;
			network ACLs block what must never pass. A denied packet is dropped, and its flow runs
			out.`,
		Keys: []Key{
			{Name: "name", Required: true, Text: "A name that no other network ACL has."},
			{Name: "tags", Kind: KindTags, Default: "none", Text: "As those of groups."},
			{Name: "ingress", Kind: KindList, Default: "none",
				Text: "What may reach the machine that is protected. Without rules nothing may."},
			{Name: "egress", Kind: KindList, Default: "none",
				Text: `What that machine may send, answers included: they go to the client's port, as
					a rule 1024-65535. Without rules nothing may.`},
		},
	},
	{
		Path: aclRulePath,
		Text: "A numbered rule, as in Terraform's aws_network_acl.",
		Keys: []Key{
			{Name: "rule_no", Kind: KindNumber, Low: policy.MinACLNumber, High: policy.MaxACLNumber,
				Required: true, Text: `Its place in the order. One number stands once in a list, for both
					families.`},
			{Name: "action", Kind: KindWord, Required: true,
				Words: namesOf([]policy.ACLAction{policy.Allow, policy.Deny}),
				Text:  "What becomes of what the rule matches."},
			{Name: "protocol", Kind: KindProtocol, Required: true,
				Text: "tcp, udp, icmp, icmpv6, a protocol number 0 to 255, or all (-1)."},
			{Name: "ports", Kind: KindPorts,
				Text: "Destination ports of tcp and udp: 443, 8000-9000, https or all; one range."},
			{Name: "from_port", Kind: KindNumber, Low: -1, High: policy.MaxPort,
				Text: "The first port; for icmp and icmpv6 the type, -1 for all."},
			{Name: "to_port", Kind: KindNumber, Low: -1, High: policy.MaxPort,
				Text: "The last port; for icmp and icmpv6 the code, -1 for all."},
			{Name: "cidr_block", Kind: KindCIDR,
				Text: "The source of ingress, the destination of egress: an IPv4 CIDR."},
			{Name: "ipv6_cidr_block", Kind: KindCIDR,
				Text: fmt.Sprintf("The same for IPv6. A rule has one of the two: %s rules never match %s.",
					policy.IPv4, policy.IPv6)},
		},
	},
}
