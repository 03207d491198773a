package audit

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/policy/file"
	"sgfw/policy/member"
)

// TestFamilyGapOfLive: where the addresses of this machine are known, a version that no device
// with the group has is no gap.
func TestFamilyGapOfLive(t *testing.T) {
	text := in("protocol: tcp, ports: 443, "+v4) +
		"interfaces:\n  - { device: eth0, security_groups: [web] }\n"
	p, _, err := file.Parse("p.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		addresses []string
		live      bool
		want      string
	}{
		{[]string{"192.0.2.1"}, true, ""},
		{[]string{"192.0.2.1", "2001:db8::1"}, true, "is dropped, such as for 2001:db8::1"},
		{[]string{"192.0.2.1"}, false, "is dropped"},
		{nil, true, "is dropped"}, // it is not there, or has none yet
	} {
		l := member.Link{Name: "eth0", Index: 2}
		for _, a := range tt.addresses {
			l.Addresses = append(l.Addresses, netip.MustParseAddr(a))
		}
		r := Run(p, Options{Live: tt.live, Members: member.Resolve(p,
			member.Facts{Links: []member.Link{l}})})
		said := ""
		for _, f := range r.Findings {
			if f.Check.Code == familyGap {
				said = f.Message
			}
		}
		if !strings.HasSuffix(said, tt.want) || tt.want == "" && said != "" {
			t.Errorf("%v, live %v: %q", tt.addresses, tt.live, said)
		}
	}
}
