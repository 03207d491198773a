package filter

import (
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/policy/member"
	"sgfw/test/parity"
)

// TestGuarantees: each device has what the policy says; the others have equal parts of
// what that leaves of half the table; devices that are gone have nothing (T30).
func TestGuarantees(t *testing.T) {
	parity.Proves(t, "T30")
	type want map[string]int
	tests := []struct {
		name       string
		interfaces []policy.Interface
		devices    []string
		want       want
	}{
		{"one device", []policy.Interface{{Device: "eth0"}}, []string{"eth0"}, want{"eth0": 500}},
		{"equal parts", []policy.Interface{{Device: "tap*"}}, []string{"tap0", "tap1", "tap2", "other"},
			want{"tap0": 166, "tap1": 166, "tap2": 166}},
		{"one is said", []policy.Interface{{Device: "eth0", MaxFlows: 100}, {Device: "tap*"}},
			[]string{"eth0", "tap0", "tap1"}, want{"eth0": 100, "tap0": 200, "tap1": 200}},
		{"more than half is said", []policy.Interface{{Device: "eth0", MaxFlows: 600}, {Device: "tap*"}},
			[]string{"eth0", "tap0"}, want{"eth0": 600, "tap0": 0}},
		{"a pattern of too many", []policy.Interface{{Device: "tap*", MaxFlows: 500}},
			[]string{"tap0", "tap1", "tap2", "tap3"},
			want{"tap0": 250, "tap1": 250, "tap2": 250, "tap3": 250}},
		{"a shared scope", []policy.Interface{{Device: "eth0", Scope: "up", MaxFlows: 100},
			{Device: "eth1", Scope: "up"}}, []string{"eth0", "eth1"},
			want{"eth0": 500, "eth1": 500}},
	}
	for _, tt := range tests {
		p := &policy.Policy{
			Groups:   []policy.Group{{Name: "app", Egress: policy.DefaultEgress()}},
			Settings: policy.DefaultSettings,
		}
		for _, n := range tt.interfaces {
			n.Groups, n.Timeouts = []string{"app"}, policy.DefaultTimeouts
			p.Interfaces = append(p.Interfaces, n)
		}
		var links []member.Link
		for i, name := range tt.devices {
			links = append(links, member.Link{Name: name, Index: uint32(i + 2)})
		}
		compiler := NewCompiler()
		base := compiler.Compile(p, nil)
		e := NewEngine(Config{MaxFlows: 1000, Clock: func() conntrack.Time { return 1 }},
			base.WithLinks(links))
		rs := e.Ruleset()
		got := want{}
		for _, a := range rs.Attachments() {
			got[a.Device] = e.Share(a).Guaranteed
		}
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		for name, n := range tt.want {
			if got[name] != n {
				t.Errorf("%s: %s has %d, want %d", tt.name, name, got[name], n)
			}
		}
		e.Publish(base.WithLinks(links[:1]))
		for _, a := range rs.Attachments() {
			s := e.Share(a)
			if s.Guaranteed != 0 && e.Ruleset().links.find(2).attachment.Scope != a.Scope {
				t.Errorf("%s: %s is gone and has %+v", tt.name, a.Device, s)
			}
		}
	}
}
