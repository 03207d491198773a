package audit

import (
	"maps"
	"strings"
	"testing"
)

// behindACL is the interface with the network ACL edge.
const behindACL = "interfaces:\n  - { device: eth0, security_groups: [web], network_acl: edge }\n"

// denySSH is a rule of a network ACL.
const denySSH = "{ rule_no: 7, action: deny, protocol: tcp, ports: 22, cidr_block: 10.0.0.0/8 }"

// acl is a policy with these ingress rules of a network ACL, which eth0 has.
func acl(rules ...string) string {
	return in() + "network_acls:\n  - name: edge\n    ingress:\n      - " +
		strings.Join(rules, "\n      - ") + "\n" + behindACL
}

// answers is a policy that lets in tcp 443, with a network ACL of this egress.
func answers(egress string) string {
	return in("protocol: tcp, ports: 443, "+v4) + "network_acls:\n  - name: edge\n    ingress:\n" +
		"      - { rule_no: 1, action: allow, protocol: tcp, ports: 443, cidr_block: 0.0.0.0/0 }\n" +
		"    " + egress + "\n" + behindACL
}

func init() { maps.Copy(cases, aclCases) }

var aclCases = map[string]struct{ fires, not []string }{
	aclUnreached: {
		fires: []string{
			acl("{ rule_no: 1, action: allow, protocol: all, cidr_block: 0.0.0.0/0 }", denySSH),
			acl(denySSH, "{ rule_no: 8, action: deny, protocol: tcp, ports: 22, cidr_block: 10.1.0.0/16 }"),
			acl("{ rule_no: 1, action: deny, protocol: tcp, ports: 0-21, cidr_block: 0.0.0.0/0 }",
				"{ rule_no: 2, action: allow, protocol: tcp, ports: 22-65535, cidr_block: 0.0.0.0/0 }",
				"{ rule_no: 3, action: deny, protocol: tcp, ports: 1-22, cidr_block: 10.0.0.0/8 }")},
		not: []string{acl(denySSH, "{ rule_no: 8, action: allow, protocol: all, cidr_block: 0.0.0.0/0 }"),
			acl("{ rule_no: 1, action: allow, protocol: all, ipv6_cidr_block: \"::/0\" }", denySSH),
			acl("{ rule_no: 1, action: allow, protocol: tcp, ports: 23-99, cidr_block: 0.0.0.0/0 }",
				denySSH)},
	},
	aclNoAnswers: {
		fires: []string{
			answers("egress: []"), answers("egress: [{ rule_no: 1, action: allow, protocol: udp, " +
				"ports: 0-65535, cidr_block: 0.0.0.0/0 }]"),
			answers("egress: [{ rule_no: 1, action: allow, protocol: tcp, ports: 49152-65535, " +
				"cidr_block: 0.0.0.0/0 }]"),
			answers("egress: [{ rule_no: 1, action: allow, protocol: all, cidr_block: 10.0.0.0/8 }]"),
			strings.Replace(answers("egress: [{ rule_no: 1, action: allow, protocol: all, "+
				"cidr_block: 0.0.0.0/0 }]"), "    egress: []\n", "", 1)},
		not: []string{answers("egress: [{ rule_no: 1, action: allow, protocol: tcp, " +
			"ports: 32768-60999, cidr_block: 0.0.0.0/0 }]"), in("protocol: tcp, ports: 443, "+v4) + eth0,
			answers("egress: [{ rule_no: 1, action: allow, protocol: all, cidr_block: 0.0.0.0/0 }]"),
			strings.Replace(answers("egress: []"), "ports: 443, cidr_blocks", "ports: 80, cidr_blocks", 1),
			strings.Replace(answers("egress: []"), ", network_acl: edge", "", 1)},
	},
	aclAdmin: {
		fires: []string{acl("{ rule_no: 1, action: allow, protocol: all, cidr_block: 0.0.0.0/0 }"),
			acl("{ rule_no: 1, action: allow, protocol: tcp, ports: 3389, ipv6_cidr_block: \"::/0\" }"),
			acl("{ rule_no: 1, action: allow, protocol: tcp, ports: 22, cidr_block: 0.0.0.0/1 }",
				"{ rule_no: 2, action: allow, protocol: tcp, ports: 20-30, cidr_block: 128.0.0.0/1 }")},
		not: []string{
			acl("{ rule_no: 1, action: allow, protocol: tcp, ports: 443, cidr_block: 0.0.0.0/0 }"),
			acl("{ rule_no: 1, action: allow, protocol: tcp, ports: 22, cidr_block: 10.0.0.0/8 }"),
			in() + strings.Replace(eth0, "web]", "web], network_acl: default", 1),
			acl("{ rule_no: 1, action: deny, protocol: tcp, ports: 0-4000, cidr_block: 0.0.0.0/0 }",
				"{ rule_no: 2, action: allow, protocol: all, cidr_block: 0.0.0.0/0 }")},
	},
	aclUnused: {
		fires: []string{strings.Replace(acl(denySSH), ", network_acl: edge", "", 1)},
		not: []string{acl(denySSH), strings.Replace(acl(denySSH),
			"interfaces:\n  - { device: eth0, security_groups: [web], network_acl: edge }\n", "", 1)},
	},
}

// TestNetworkACLMessages: what is found says which rule, by which others, and what is missing.
func TestNetworkACLMessages(t *testing.T) {
	for name, c := range map[string]struct{ text, code, want string }{
		"a deny behind an allow": {
			acl("{ rule_no: 1, action: allow, protocol: all, cidr_block: 0.0.0.0/0 }", denySSH),
			aclUnreached,
			"rule 7 is never reached: rule 1 before it decides, and what it is to deny may pass"},
		"the same again": {
			acl(denySSH, "{ rule_no: 8, action: deny, protocol: tcp, ports: 22, cidr_block: 10.1.0.0/16 }"),
			aclUnreached, "rule 8 is never reached: rule 7 before it decides the same"},
		"several before it": {
			acl("{ rule_no: 1, action: deny, protocol: tcp, ports: 0-21, cidr_block: 0.0.0.0/0 }",
				"{ rule_no: 2, action: deny, protocol: tcp, ports: 22-65535, cidr_block: 0.0.0.0/0 }",
				"{ rule_no: 3, action: deny, protocol: tcp, ports: 1-22, cidr_block: 10.0.0.0/8 }"),
			aclUnreached, "rule 3 is never reached: rules 1 and 2 before it decide the same"},
		"no answers": {answers("egress: []"), aclNoAnswers,
			"network ACL edge denies answers to what comes in through eth0: no egress rule allows " +
				"tcp 32768-60999 to 0.0.0.0/0"},
		"SSH and RDP": {acl("{ rule_no: 1, action: allow, protocol: tcp, ports: 0-9999, " +
			"cidr_block: 0.0.0.0/0 }"), aclAdmin,
			"network ACL edge lets everybody reach SSH (tcp 22) and RDP (tcp 3389), if groups do"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range run(t, c.text, Options{}).Findings {
				if f.Check.Code == c.code && f.Message == c.want && f.Pos.Line > 0 {
					return
				}
			}
			t.Errorf("no %s %q in %q", c.code, c.want, found(run(t, c.text, Options{})))
		})
	}
}
