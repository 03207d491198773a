package main

import (
	"strings"
	"testing"
)

// TestDiffOfNetworkACLs: what the network ACL of a device allows and denies that it did not
// before is told exactly, apart from its groups, on the screen and in the document.
func TestDiffOfNetworkACLs(t *testing.T) {
	const old = `version: 1
security_groups: [{ name: web, description: x }]
network_acls:
  - name: edge
    ingress:
      - { rule_no: 100, action: allow, protocol: tcp, ports: 443, cidr_block: 0.0.0.0/0 }
    egress:
      - { rule_no: 100, action: allow, protocol: tcp, ports: 1024-65535, cidr_block: 0.0.0.0/0 }
interfaces:
  - { device: eth0, security_groups: [web], network_acl: edge }
  - { device: eth1, security_groups: [web] }
`
	changed := strings.NewReplacer("ports: 1024-65535", "ports: 32768-65535", "    ingress:\n",
		"    ingress:\n      - { rule_no: 7, action: deny, protocol: all, cidr_block: 203.0.113.0/24 }\n",
	).Replace(old)
	run := inFolder(t, map[string]string{"old.yaml": old, "new.yaml": changed,
		"same.yaml": strings.NewReplacer("rule_no: 100", "rule_no: 3", "edge", "other",
			"eth1, security_groups: [web]", "eth1, security_groups: [web], network_acl: default",
		).Replace(old)})
	if code, out, said := run("diff", "old.yaml", "same.yaml"); code != exitOK {
		t.Errorf("the same: %d\n%s%s", code, out, said)
	}
	code, out, _ := run("diff", "old.yaml", "new.yaml")
	const want = `new.yaml permits less than old.yaml
interfaces:
  - eth0 network ACL ingress tcp 443 from 203.0.113.0/24
  - eth0 network ACL egress tcp 1024-32767 to 0.0.0.0/0
`
	if code != exitDifferent || out != want {
		t.Errorf("%d\n%s\nwant\n%s", code, out, want)
	}
	if code, out, _ = run("diff", "--fail-on", "opened", "old.yaml", "new.yaml"); code != exitOK {
		t.Errorf("it opens nothing: %d\n%s", code, out)
	}
	code, out, _ = run("diff", "-o", "json", "new.yaml", "old.yaml")
	out = strings.Join(strings.Fields(out), "")
	if code != exitDifferent || !strings.Contains(out, `"acl_allowed":[{"direction":"ingress",`+
		`"traffic":[{"protocol":"tcp","from_port":443,"to_port":443}],"peers":["203.0.113.0/24"]},`) ||
		strings.Contains(out, "acl_denied") || !strings.Contains(out, `"opened":true,"closed":false`) {
		t.Errorf("%d\n%s", code, out)
	}
}
