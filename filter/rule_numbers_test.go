package filter

import (
	"fmt"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/policy"
)

// TestForgetRules: policies that name ever new rules take the memory of some, and
// no flow and no count ever comes to belong to another rule.
func TestForgetRules(t *testing.T) {
	const perRound, rounds = 1000, 20
	// policyOf has rules that no other round has, and one that is in all.
	policyOf := func(round int) *policy.Policy {
		rules := []policy.Rule{tcpRule(443, "0.0.0.0/0")}
		for i := range perRound {
			rules = append(rules, tcpRule(1000+i, fmt.Sprintf("198.51.%d.0/24", 100+round)))
		}
		return onePolicy(rules...)
	}
	b := newBench(t, policyOf(0))
	live := map[uint16]string{} // by the client's port: the rule that admitted it
	forgotten := 0
	for round := range rounds {
		if round > 0 {
			// A dry run in between leaves nothing that matters.
			b.compiler.Discard(b.compiler.Compile(policyOf(round+rounds), nil))
			forgotten += b.ForgetRules(b.compiler)
			b.apply(policyOf(round))
		}
		from := [4]byte{198, 51, byte(100 + round), 7}
		if v := b.in(tcp4(from, us, uint16(40000+round), uint16(1000+round), 1, 0,
			conntrack.SYN)); v.Reason != ReasonRule {
			t.Fatalf("round %d: %s", round, v.Reason)
		}
		live[uint16(40000+round)] = fmt.Sprintf("198.51.%d.0/24", 100+round)
		b.in(tcp4(client, us, uint16(41000+round), 443, 1, 0, conntrack.SYN))

		rs := b.Ruleset()
		if n := len(rs.rules); n > maxGone+4*perRound {
			t.Fatalf("round %d: %d rules are remembered", round, n)
		}
		b.Flows().Range(b.now, func(f conntrack.FlowInfo) bool {
			info, ok := rs.Rule(match.RuleNumber(f.Rule))
			want, old := live[f.Tuple.RemotePort]
			if !ok || old && (info.Rule.Peer.CIDR.String() != want ||
				info.Rule.From != int(f.Tuple.LocalPort)) {
				t.Fatalf("round %d: the flow from port %d came to belong to %v", round, f.Tuple.RemotePort,
					info.Rule)
			}
			return true
		})
		total := uint64(0)
		for id, h := range b.Hits(b.Ruleset()) {
			info, _ := rs.Rule(match.RuleNumber(id))
			switch want := fmt.Sprintf("198.51.%d.0/24", 100+round); {
			case info.Gone || h.Packets == 0:
			case info.Rule.From == 443 && h.Packets == uint64(round+1),
				info.Rule.Peer.CIDR.String() == want && h.Packets == 1:
				total += h.Packets
			default:
				t.Fatalf("round %d: %d hits of %v", round, h.Packets, info.Rule)
			}
		}
		if total != uint64(round+2) {
			t.Errorf("round %d: %d hits of rules that are there, want %d", round, total, round+2)
		}
	}
	if forgotten < rounds*perRound/2 {
		t.Errorf("%d rules forgotten", forgotten)
	}
}
