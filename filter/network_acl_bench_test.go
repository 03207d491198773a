package filter

import (
	"fmt"
	"net/netip"
	"testing"

	"sgfw/policy"
	"sgfw/policy/member"
)

// BenchmarkNetworkACL is the decision for a segment of an established flow behind a network
// ACL with so many rules for each direction, and without one ("none"): the list is asked
// about each packet.
func BenchmarkNetworkACL(b *testing.B) {
	for _, rules := range []int{0, 1, 19, 39} {
		name := fmt.Sprintf("rules=%d", rules)
		if rules == 0 {
			name = "none"
		}
		b.Run(name, func(b *testing.B) {
			p := benchPolicy(1000)
			if rules > 0 {
				p.NetworkACLs = []policy.NetworkACL{benchACL(rules)}
				p.Interfaces[0].NetworkACL = "edge"
			}
			rs := Compile(p, nil).WithLinks([]member.Link{{Name: "eth0", Index: benchLink}})
			e := NewEngine(Config{MaxFlows: 10_000}, rs)
			w := e.NewWorker()
			segments := make([][]byte, 1000)
			for i := range segments {
				segments[i] = open(w, i, 1000)
			}
			run(b, e, w, func(buf []byte, i int) { copy(buf, segments[i%len(segments)]) }, true)
		})
	}
}

// benchACL allows everything in its last rule; those before it deny single networks of
// 10.0.0.0/8 a port.
func benchACL(rules int) policy.NetworkACL {
	n := policy.NetworkACL{Name: "edge"}
	for i := range rules - 1 {
		r := aclRule(i+1, policy.Deny, policy.TCP, 22, 22, "0.0.0.0/0")
		r.CIDR = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16)
		n.Ingress = append(n.Ingress, r)
	}
	n.Ingress = append(n.Ingress,
		aclRule(rules, policy.Allow, policy.AllProtocols, -1, -1, "0.0.0.0/0"))
	n.Egress = n.Ingress
	return n
}
