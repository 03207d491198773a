package explain

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/filter"
	"sgfw/policy/member"
)

// TestAnswerInfersTheInterface: the addresses tell which interfaces a packet crosses,
// and one from guest to guest is judged at both.
func TestAnswerInfersTheInterface(t *testing.T) {
	p := load(t, `version: 1
security_groups:
  - name: db
    description: Names for the application
    ingress: [{ protocol: udp, ports: 53, security_groups: [app] }]
    egress: []
  - { name: app, description: everything out }
interfaces:
  - { device: eth0, security_groups: [app] }
  - { device: veth7, mode: guest, security_groups: [app], addresses: [10.0.1.10] }
  - { device: veth8, mode: guest, security_groups: [db], addresses: [10.0.2.10, "2001:db8:2::10"] }
`)
	addr := netip.MustParseAddr
	facts := member.Facts{Links: []member.Link{
		{Name: "eth0", Index: 2, Addresses: []netip.Addr{addr("192.0.2.1")}},
		{Name: "veth7", Index: 3, Addresses: []netip.Addr{addr("10.0.1.1")}},
		{Name: "veth8", Index: 4, Addresses: []netip.Addr{addr("10.0.2.1")}},
	}}
	rs := filter.Compile(p, member.Resolve(p, facts))
	for _, tc := range []struct {
		from, to, direction string
		want                string // device direction verdict, of each judgement
	}{
		{"10.0.1.10", "10.0.2.10:53", "", "veth7 egress accept, veth8 ingress accept"},
		{"10.0.1.10", "10.0.2.10:54", "", "veth7 egress accept, veth8 ingress drop"},
		{"10.0.2.10", "10.0.1.10:53", "", "veth8 egress drop, veth7 ingress drop"},
		{"10.0.1.10", "10.0.2.10:54", "egress", "veth7 egress accept"},
		{"10.0.1.10", "10.0.2.10:54", "ingress", "veth8 ingress drop"},
		{"10.0.1.10", "203.0.113.9:53", "", "veth7 egress accept"},
		{"2001:db8::9", "[2001:db8:2::10]:53", "", "veth8 ingress drop"},
		{"203.0.113.9", "192.0.2.1:53", "", "eth0 ingress drop"},
		{"192.0.2.1", "203.0.113.9:53", "", "eth0 egress accept"},
		// This machine and a guest of it: the packet never crosses eth0.
		{"10.0.2.1", "10.0.2.10:53", "", "veth8 ingress drop"},
		{"10.0.1.10", "192.0.2.1:53", "", "veth7 egress accept"},
	} {
		x, err := Answer(api.Query{Protocol: "udp", From: tc.from, To: tc.to,
			Direction: tc.direction}, rs, nil, 0, Machine{Facts: facts})
		var got []string
		for next := &x; next != nil; next = next.Next {
			got = append(got, next.Query.Interface+" "+next.Query.Direction+" "+next.Verdict)
		}
		if err != nil || strings.Join(got, ", ") != tc.want {
			t.Errorf("%s to %s, %q: %q, %v; want %s", tc.from, tc.to, tc.direction, got, err, tc.want)
		}
	}
	for _, q := range []api.Query{
		{Protocol: "udp", From: "203.0.113.9", To: "203.0.113.10:53"},
		{Protocol: "udp", From: "192.0.2.1", To: "10.0.1.1:53"}, // this machine with itself
		{Protocol: "udp", From: "nobody", To: "10.0.1.10:53"},
	} {
		if x, err := Answer(q, rs, nil, 0, Machine{Facts: facts}); err == nil {
			t.Errorf("%s to %s: %+v", q.From, q.To, x.Query)
		}
	}
}
