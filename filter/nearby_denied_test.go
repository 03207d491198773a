package filter

import (
	"net/netip"
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
)

// TestNearbyOutsideADeny: the packets before and behind what a network ACL denies are tried,
// each of which differs in one field.
func TestNearbyOutsideADeny(t *testing.T) {
	allow := aclRule(200, policy.Allow, policy.AllProtocols, -1, -1, "0.0.0.0/0")
	deny := aclRule(100, policy.Deny, policy.TCP, 440, 450, "203.0.113.0/25")
	rs := Compile(withACL([]policy.ACLRule{deny, allow}, []policy.ACLRule{allow},
		tcpRule(443, "0.0.0.0/0")), nil)
	want := map[string]bool{"203.0.112.255:443": true, "203.0.113.128:443": true,
		"203.0.113.9:439": true, "203.0.113.9:451": true}
	for _, v := range Nearby(rs, query(conntrack.Ingress, "203.0.113.9", "192.0.2.1", 443), 256) {
		to := netip.AddrPortFrom(v.Src, v.DstPort).String()
		if want[to] && len(v.Fields) != 1 {
			t.Errorf("%s differs in %v", to, v.Fields)
		}
		if passes := Passes(rs, nil, 0, v.Query); want[to] && passes != (v.DstPort == 443) {
			t.Errorf("%s passes: %t", to, passes)
		}
		delete(want, to)
	}
	if len(want) > 0 {
		t.Errorf("not tried: %v", want)
	}
}
