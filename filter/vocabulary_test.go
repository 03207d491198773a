package filter

import (
	"slices"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// TestVocabulary: policy and conntrack may not import each other, so each has its own
// directions and default size of the flow table. They are the same: this package
// converts directions by their numbers.
func TestVocabulary(t *testing.T) {
	for d, want := range map[policy.Direction]conntrack.Direction{
		policy.Ingress: conntrack.Ingress, policy.Egress: conntrack.Egress,
	} {
		if conntrack.Direction(d) != want || d.String() != want.String() {
			t.Errorf("%s of the policy is %s of the flow table", d, conntrack.Direction(d))
		}
	}
	if got := policy.DefaultSettings.MaxFlows; got != conntrack.DefaultMaxFlows {
		t.Errorf("a policy tracks %d flows, a table %d", got, conntrack.DefaultMaxFlows)
	}
}

// TestExemptPorts: the engine knows each exempt service by the ports and protocols that
// the policy says, and by no other.
func TestExemptPorts(t *testing.T) {
	kinds := map[policy.Protocol]packet.Kind{policy.UDP: packet.KindUDP, policy.TCP: packet.KindTCP}
	for _, x := range policy.Exemptions() {
		var set policy.Set[policy.Exemption]
		e := newExemptions(set.With(x), nil, nil)
		a := addr("192.0.2.53")
		e.at[x] = addressSet{a}
		for port := range 1 << 16 {
			for protocol, kind := range kinds {
				want := policy.NoExemption
				if port == int(x.Port()) && slices.Contains(x.Protocols(), protocol) {
					want = x
				}
				if got := e.of(&Attachment{Device: "eth0"}, kind, a, uint16(port)); got != want {
					t.Errorf("%s %d of %s: %q", protocol, port, x, got)
				}
			}
		}
	}
}
