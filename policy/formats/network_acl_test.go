package formats

import (
	"strings"
	"testing"

	"sgfw/policy/file"
)

// TestNetworkACLsAreNotLostInSilence: a format that has no words for network ACLs says so.
func TestNetworkACLsAreNotLostInSilence(t *testing.T) {
	p, _, err := file.Parse("p.yaml", []byte("version: 1\nsecurity_groups: [{ name: web }]\n"+
		"network_acls: [{ name: edge }]\n"+
		"interfaces: [{ device: eth0, security_groups: [web], network_acl: edge }]\n"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		f := &all[i]
		if f.Export == nil {
			continue
		}
		text, problems := f.Export(p)
		kept := strings.Contains(string(text), "network_acl: edge")
		said := strings.Contains(problems.Error(), "network ACL")
		if kept == said {
			t.Errorf("%s: in the text %t, said to be lost %t: %v", f.Name, kept, said, problems)
		}
	}
}
