package file

import (
	"fmt"
	"strings"

	"sgfw/policy"
)

var groupTable = []Part{
	{
		Path: "security_groups[]",
		Text: `A security group holds rules. Several groups on an interface are a union: neither
			their order nor that of their rules matters.`,
		Keys: []Key{
			{Name: "name", Required: true, Text: fmt.Sprintf(
				`A name that no other group has, or name_prefix; up to %d characters. AWS takes no others than
					letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*.`, policy.MaxName)},
			{Name: "description", Default: policy.DefaultDescription, Text: fmt.Sprintf(
				`For people, in their own words; up to %d characters. AWS takes %d, and no others
					than in names.`, policy.MaxText, policy.MaxDescription)},
			{Name: "tags", Kind: KindTags, Default: "none", Text: fmt.Sprintf(
				"For people and other tools. AWS takes %d.", policy.MaxTags)},
			{Name: "name_prefix", Text: `As in Terraform, in place of name. Names are not generated
				here: the prefix is the name.`},
			{Name: "vpc_id", Text: `The network in AWS that the group is from: a label, which listings
				show.`},
			{Name: "ingress", Kind: KindList, Default: "none",
				Text: "What may reach the machine that is protected."},
			{Name: "egress", Kind: KindList, Default: "everything",
				Text: `What that machine may reach. Left out: everything, as in a new group in AWS.
					An empty list: nothing but answers.`},
		},
	},
	{
		Path: rulePath,
		Text: `A rule permits what agrees with its protocol, its ports, and one of its peers. It
			needs at least one peer. Nothing can be forbidden: what no rule permits is dropped.`,
		Keys: []Key{
			{Name: "description", Text: fmt.Sprintf(
				`For people; up to %d characters. AWS takes %d. It is that of all rules that the
					block stands for; a peer may have its own.`, policy.MaxText, policy.MaxDescription)},
			{Name: "tags", Kind: KindTags, Default: "none", Text: fmt.Sprintf(
				"For people and other tools; listings show them. AWS takes %d.", policy.MaxTags)},
			{Name: "protocol", Kind: KindProtocol, Required: true,
				Text: "tcp, udp, icmp, icmpv6, a protocol number 0 to 255, or all (-1)."},
			{Name: "ports", Kind: KindPorts,
				Text: `Destination ports of tcp and udp: 443, 8000-9000, https, all, or a list such
					as [80, 443], which is a rule for each. Short for from_port and to_port. Services:
					` + servicesText() + "."},
			{Name: "from_port", Kind: KindNumber, Low: -1, High: policy.MaxPort,
				Text: "The first port; for icmp and icmpv6 the type, -1 for all."},
			{Name: "to_port", Kind: KindNumber, Low: -1, High: policy.MaxPort,
				Text: "The last port; for icmp and icmpv6 the code, -1 for all."},
			{Name: "cidr_blocks", Kind: KindCIDR4s, Item: cidrPeerPath,
				Text: `Sources of ingress, destinations of egress. 0.0.0.0/0 is every IPv4 address and
					no IPv6 address.`},
			{Name: "ipv6_cidr_blocks", Kind: KindCIDR6s, Item: cidrPeerPath,
				Text: "The same for IPv6: ::/0 is every IPv6 address."},
			{Name: "prefix_lists", Kind: KindNames, Item: namedPeerPath,
				Text: "The entries of prefix lists."},
			{Name: "security_groups", Kind: KindNames, Item: namedPeerPath,
				Text: `The addresses of the interfaces and peers that have these groups. Their rules
					do not count.`},
			{Name: "self", Kind: KindTruth, Default: "false",
				Text: "The addresses of the interfaces and peers that have this very group."},
		},
	},
	{cidrPeerPath, "A CIDR of a rule, with a description of its own.", []Key{
		{Name: "cidr", Kind: KindCIDR, Required: true, Text: "The CIDR."},
		{Name: "description", Default: "that of the rule", Text: "For people."},
	}},
	{namedPeerPath, "A prefix list or group of a rule, with a description of its own.", []Key{
		{Name: "name", Required: true, Text: "The name of the list or group."},
		{Name: "description", Default: "that of the rule", Text: "For people."},
	}},
	{
		Path: "default_security_group",
		Text: `Every policy has a group named default, as in AWS. Interfaces that name no group have
			it, and it can be named where groups are. It cannot be defined or deleted; here its rules
			are changed.`,
		Keys: []Key{
			{Name: "ingress", Kind: KindList, Default: "everything from default",
				Text: `What may reach its members. Left out: everything from each other. An empty
					list: nothing.`},
			{Name: "egress", Kind: KindList, Default: "everything",
				Text: `What its members may reach. Left out: everything. An empty list: nothing but
					answers.`},
			{Name: "tags", Kind: KindTags, Default: "none", Text: "As those of other groups."},
		},
	},
}

// servicesText lists the names of services with their ports.
func servicesText() string {
	var names []string
	for _, s := range policy.Services() {
		protocols := make([]string, len(s.Protocols))
		for i, p := range s.Protocols {
			protocols[i] = p.String()
		}
		names = append(names, fmt.Sprintf("%s (%s %d)", s.Name, strings.Join(protocols, "/"), s.Port))
	}
	return strings.Join(names, ", ")
}
