package space

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"sgfw/policy"
)

// naiveAllows asks rules one after the other: the one with the lowest number that matches
// decides.
func naiveAllows(rules []policy.ACLRule, at Selector, peer netip.Addr) bool {
	lowest, allows := policy.MaxACLNumber+1, false
	for _, r := range rules {
		as := r.AsRule()
		span := RuleSpan(&as)
		other := r.Protocol == policy.ICMP && peer.Is6() || r.Protocol == policy.ICMPv6 && peer.Is4()
		if r.Number < lowest && span.Lo <= at && at <= span.Hi && r.CIDR.Contains(peer) && !other {
			lowest, allows = r.Number, r.Action == policy.Allow
		}
	}
	return allows
}

// TestAllowedAgainstNaive compares the set of a network ACL with its rules, one packet after
// the other.
func TestAllowedAgainstNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	cidrs := []string{"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9", "192.0.2.7/32", "::/0",
		"2001:db8::/32", "2001:db8:1::/48"}
	peers := []string{"10.0.0.1", "10.128.0.1", "192.0.2.7", "192.0.2.8", "2001:db8::1",
		"2001:db8:1::1", "fe80::1"}
	count := map[bool]int{}
	for range 500 {
		var n policy.NetworkACL
		for _, number := range rng.Perm(50)[:rng.IntN(20)] {
			r := policy.ACLRule{Number: number + 1, Action: policy.ACLAction(rng.IntN(2)), From: -1, To: -1,
				Protocol: []policy.Protocol{policy.AllProtocols, policy.TCP, policy.UDP, policy.ICMP,
					policy.ICMPv6, 50}[rng.IntN(6)], CIDR: netip.MustParsePrefix(cidrs[rng.IntN(len(cidrs))])}
			if r.Protocol.HasPorts() {
				r.From = rng.IntN(5)
				r.To = r.From + rng.IntN(5)
			} else if r.Protocol.IsICMP() && rng.IntN(2) == 0 {
				r.From, r.To = rng.IntN(3), rng.IntN(3)-1
			}
			n.Ingress = append(n.Ingress, r)
		}
		set := Allowed(&n, policy.Ingress)
		if !Allowed(&n, policy.Egress).Empty() {
			t.Fatal("a list without rules allows something")
		}
		for range 200 {
			at := Portless
			if p := []int{6, 17, 1, 58, 50, 256}[rng.IntN(6)]; p < 256 {
				at = Selector(p)<<16 | Selector(rng.IntN(10))
				if p == 1 || p == 58 {
					at = Selector(p)<<16 | Selector(rng.IntN(3))<<8 | Selector(rng.IntN(3))
				}
			}
			peer := netip.MustParseAddr(peers[rng.IntN(len(peers))])
			want := naiveAllows(n.Ingress, at, peer)
			count[want]++
			if got := set.Contains(at, peer); got != want {
				t.Fatalf("%d of %s: %t, want %t by %v", at, peer, got, want, n.Ingress)
			}
		}
	}
	if count[true] < 5000 || count[false] < 5000 {
		t.Errorf("allowed and denied: %v", count)
	}
	if all := Allowed(nil, policy.Ingress); !all.Contains(Portless, netip.MustParseAddr("::1")) ||
		!all.Contains(0, netip.MustParseAddr("10.0.0.1")) {
		t.Error("without a network ACL something is denied")
	}
}
