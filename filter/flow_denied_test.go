package filter

import (
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
)

// TestDeniedStanding: a flow that a network ACL stops, in one direction or the other, is not
// permitted by its rule, and the rule of the list that stops it is known.
func TestDeniedStanding(t *testing.T) {
	const from, to = 32768, 60999
	allow := []policy.ACLRule{
		aclRule(200, policy.Allow, policy.AllProtocols, -1, -1, "0.0.0.0/0")}
	web := tcpRule(443, "198.51.100.0/24")
	ping := policy.Rule{Protocol: policy.ICMP, From: 8, To: -1, Peer: web.Peer}
	b := newBench(t, withACL(allow, allow, web, ping))
	expect(t, "SYN", b.in(tcp4(client, us, 40000, 443, 1, 0, conntrack.SYN)), ReasonRule)
	expect(t, "ping", b.in(icmp4(client, us, 8, 0, 7, nil)), ReasonRule)
	with := func(r policy.ACLRule) []policy.ACLRule { return append([]policy.ACLRule{r}, allow...) }
	for _, c := range []struct {
		name            string
		ingress, egress []policy.ACLRule
		rules           []policy.Rule
		tcp, icmp       Standing
		number          int
	}{
		{"allowed", allow, allow, []policy.Rule{web, ping}, StandingPermitted, StandingPermitted, 0},
		{"its way in", with(aclRule(100, policy.Deny, policy.TCP, 443, 443, "198.51.100.0/25")), allow,
			[]policy.Rule{web, ping}, StandingDenied, StandingPermitted, 100},
		{"its answers", allow, with(aclRule(90, policy.Deny, policy.TCP, from, to, "0.0.0.0/0")),
			[]policy.Rule{web, ping}, StandingDenied, StandingPermitted, 90},
		{"ports that the answers do not go to", allow,
			with(aclRule(90, policy.Deny, policy.TCP, 443, 443, "0.0.0.0/0")),
			[]policy.Rule{web, ping}, StandingPermitted, StandingPermitted, 0},
		{"replies", allow, with(aclRule(80, policy.Deny, policy.ICMP, 0, -1, "0.0.0.0/0")),
			[]policy.Rule{web, ping}, StandingPermitted, StandingDenied, 80},
		{"questions that go out", allow, with(aclRule(80, policy.Deny, policy.ICMP, 8, -1, "0.0.0.0/0")),
			[]policy.Rule{web, ping}, StandingPermitted, StandingPermitted, 0},
		{"no rule either", with(aclRule(100, policy.Deny, policy.AllProtocols, -1, -1, "0.0.0.0/0")),
			allow, []policy.Rule{ping}, StandingOrphan, StandingDenied, 100},
	} {
		b.apply(withACL(c.ingress, c.egress, c.rules...))
		review, n := b.Ruleset().Review(), 0
		b.Flows().Range(b.now, func(f conntrack.FlowInfo) bool {
			n++
			want := c.tcp
			if f.Class == conntrack.ClassQuery {
				want = c.icmp
			}
			got := review.Standing(&f)
			if got != want {
				t.Errorf("%s: %v stands %d, want %d", c.name, f.Tuple, got, want)
			}
			if got != StandingDenied {
				return true
			}
			rule, _ := review.DeniedBy(&f)
			if info, _ := b.Ruleset().Rule(rule); info.ACL != "edge" || info.Number != c.number {
				t.Errorf("%s: %v by rule %d of %q, want %d", c.name, f.Tuple, info.Number, info.ACL,
					c.number)
			}
			return true
		})
		if n != 2 {
			t.Fatalf("%s: %d flows", c.name, n)
		}
	}
}
