package nftables

import (
	"strings"
	"testing"

	"sgfw/policy/file"
)

// TestNetworkACLIsNoRuleset: what a network ACL denies would pass, so nothing is exported.
func TestNetworkACLIsNoRuleset(t *testing.T) {
	p, _, err := file.Parse("p.yaml", []byte("version: 1\nsecurity_groups: [{ name: web }]\n"+
		"interfaces: [{ device: eth0, security_groups: [web], network_acl: default }]\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, problems := Export(p)
	if problems.Err() == nil || !strings.Contains(problems.Error(), `network ACL "default"`) {
		t.Errorf("%v\n%s", problems, text)
	}
	p.Interfaces[0].NetworkACL = ""
	if _, problems := Export(p); problems.Err() != nil {
		t.Errorf("without it: %v", problems)
	}
}
