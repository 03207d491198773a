package main

import "sgfw/cmd/internal/api"

// shownBlocks are what stops the packet that the showcase explains.
func shownBlocks() []api.Block {
	return []api.Block{
		{Code: "ENI_SG_RULES_MISMATCH", Reason: "no-rule", Direction: "ingress",
			Component: "security_group", Groups: []string{"web", "office-access"},
			Detail: "no ingress rule of any attached group permits it"},
		{Code: "SUBNET_ACL_RESTRICTION", Reason: "network-acl", Direction: "egress", Return: true,
			Component: "network_acl", NetworkACL: "edge-of-the-customers",
			Detail: "egress rule 32000 of network ACL edge-of-the-customers denies the answer"},
	}
}

// shownRemedies are what lets that packet pass.
func shownRemedies() []api.Remedy {
	acl := api.PolicyChange{Path: "network_acls[edge-of-the-customers].egress",
		File: "/etc/sgfw/sgfw.yaml", Line: 120, After: 131, Lines: []string{
			"      - rule_no: 16000", "        action: allow", "        protocol: tcp",
			"        ports: 1024-65535", `        ipv6_cidr_block: "2001:db8:d::10/128"`}}
	return []api.Remedy{
		{Kind: api.RemedyPacket, Text: "the same packet from 2001:db8:c::10", Fields: []string{"peer"}},
		{Kind: api.RemedyRule, Text: "ingress rule tcp 22 2001:db8:d::10/128 in group office-access, " +
			"and egress rule 16000 allow tcp 1024-65535 2001:db8:d::10/128 of network ACL " +
			"edge-of-the-customers", Changes: []api.PolicyChange{
			{Path: "security_groups[office-access].ingress", File: "/etc/sgfw/sgfw.yaml", Line: 40,
				After: 44, Lines: []string{"      - protocol: tcp", "        ports: 22",
					`        ipv6_cidr_blocks: ["2001:db8:d::10/128"]`}}, acl}},
		{Kind: api.RemedyGroup, Text: "group ssh-from-everywhere on enp1s0, and egress rule 16000 " +
			"allow tcp 1024-65535 2001:db8:d::10/128 of network ACL edge-of-the-customers",
			Changes: []api.PolicyChange{
				{Path: "interfaces[enp1s0].security_groups", Replace: true, File: "/etc/sgfw/sgfw.yaml",
					Line: 150, After: 150,
					Lines: []string{"    security_groups: [web, office-access, ssh-from-everywhere]"}}, acl}},
	}
}
