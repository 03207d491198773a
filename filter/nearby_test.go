package filter

import (
	"net/netip"
	"slices"
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
)

// TestNearby: the packet that differs least comes first, by the number of fields, then by
// which they are, then by how far.
func TestNearby(t *testing.T) {
	rule := func(from, to int, cidr string) policy.Rule {
		r := tcpRule(from, cidr)
		r.To = to
		return r
	}
	rs := Compile(onePolicy(rule(22, 22, "198.51.100.0/24"), rule(8000, 8010, "203.0.113.0/28"),
		rule(9000, 9000, "203.0.113.0/24")), nil)
	for _, c := range []struct {
		src    string
		port   uint16
		fields []string
		to     string // source and port of the nearest
	}{
		{"203.0.113.77", 22, []string{"peer"}, "198.51.100.77:22"},
		{"203.0.113.77", 8003, []string{"peer"}, "203.0.113.13:8003"},
		{"203.0.113.1", 8020, []string{"port"}, "203.0.113.1:8010"},
		{"203.0.113.1", 8900, []string{"port"}, "203.0.113.1:9000"},
		{"192.0.2.200", 8012, []string{"port", "peer"}, "203.0.113.8:8010"},
	} {
		near := Nearby(rs, query(conntrack.Ingress, c.src, "192.0.2.1", c.port), 8)
		if len(near) == 0 {
			t.Errorf("%s to %d: nothing is near", c.src, c.port)
			continue
		}
		got := netip.AddrPortFrom(near[0].Src, near[0].DstPort).String()
		if !slices.Equal(near[0].Fields, c.fields) || got != c.to {
			t.Errorf("%s to %d: %s by %v, want %s by %v", c.src, c.port, got, near[0].Fields, c.to,
				c.fields)
		}
	}
	other := query(conntrack.Ingress, "2001:db8::1", "2001:db8::2", 22)
	if near := Nearby(rs, other, 8); len(near) > 0 {
		t.Errorf("of the other family: %+v", near)
	}
}

func TestNearestIn(t *testing.T) {
	for _, c := range []struct {
		prefix, addr, want string
		far                int
	}{
		{"10.0.0.0/8", "10.1.2.3", "10.1.2.3", 0},
		{"10.0.0.0/8", "11.1.2.3", "10.1.2.3", 25},
		{"10.0.0.16/28", "10.0.0.5", "10.0.0.21", 5},
		{"10.0.0.7/32", "10.0.0.6", "10.0.0.7", 1},
		{"0.0.0.0/1", "192.0.2.1", "64.0.2.1", 32},
		{"2001:db8:1::/48", "2001:db8::5", "2001:db8:1::5", 81},
		{"2001:db8::8/125", "2001:db8::1", "2001:db8::9", 4},
	} {
		got, far := nearestIn(netip.MustParsePrefix(c.prefix), netip.MustParseAddr(c.addr))
		if got.String() != c.want || far != c.far {
			t.Errorf("%s in %s: %s, %d bits; want %s, %d", c.addr, c.prefix, got, far, c.want, c.far)
		}
	}
}

// TestWith: what would be in force has the same devices with their flows, and leaves nothing
// behind.
func TestWith(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(22, "0.0.0.0/0")))
	rs := b.Ruleset()
	rules, bindings := len(rs.rules), rs.scopes.bindings
	with := rs.With(onePolicy(tcpRule(80, "0.0.0.0/0"), tcpRule(22, "0.0.0.0/0")), nil)
	if with.Device("eth0").Scope != rs.Device("eth0").Scope {
		t.Error("eth0 has other flows")
	}
	q := query(conntrack.Ingress, "203.0.113.1", "192.0.2.1", 80)
	if Passes(rs, b.Flows(), b.Engine.Now(), q) || !Passes(with, b.Flows(), b.Engine.Now(), q) {
		t.Error("port 80 does not pass by the new rule alone")
	}
	if len(rs.rules) != rules || rs.scopes.bindings != bindings ||
		len(with.present) != len(rs.present) {
		t.Error("the ruleset in force has changed")
	}
}
