package filter

import (
	"testing"

	"sgfw/conntrack"
)

// TestCrossings: packets are counted by reason and by the direction of the crossing that
// decided, and so they are in the engine that takes the counters over.
func TestCrossings(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	syn := tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN)
	b.in(syn)                                                                // rule, ingress
	b.in(syn)                                                                // flow, ingress
	b.out(tcp4(us, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK))    // flow, egress
	b.out(tcp4(us, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK))    // flow, egress
	b.in(tcp4(client, us, 40000, 81, 1, 0, conntrack.SYN))                   // no-rule, ingress
	b.out(tcp4(us, client, 50000, 53, 1, 0, conntrack.SYN))                  // no-rule, egress
	b.cross(HookInput, 9, 0, syn)                                            // unknown-link
	b.cross(HookForward, 2, 9, tcp4(client, us, 4, 80, 1, 0, conntrack.SYN)) // unknown-link
	b.in(syn[:10])                                                           // a fault
	want := map[Reason]Crossings{
		ReasonRule: {1, 1, 0}, ReasonFlow: {3, 1, 2}, ReasonNoRule: {2, 1, 1},
		ReasonUnknownLink: {2, 0, 0},
	}
	compare := func(what string, e *Engine) {
		t.Helper()
		got, faults := e.Crossings(), Crossings{}
		for r, n := range got {
			if r.IsFault() {
				faults.Packets += n.Packets
				faults.Ingress += n.Ingress + n.Egress
				delete(got, r)
			} else if n != want[r] {
				t.Errorf("%s: %v: %+v, want %+v", what, r, n, want[r])
			}
		}
		if len(got) != len(want) || faults != (Crossings{Packets: 1}) {
			t.Errorf("%s: %+v and faults %+v, want %+v and one", what, got, faults, want)
		}
	}
	compare("counted", b.Engine)
	next := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	next.AddTallies(next.Ruleset().Identities(nil), b.Tallies(b.Ruleset().Identities(nil)))
	compare("taken over", next.Engine)

	// Those of a process that did not count directions are of none.
	last := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	last.AddTallies(last.Ruleset().Identities(nil),
		[]Tally{{Of: identity("reason", "rule"), Count: 7}})
	if got := last.Crossings()[ReasonRule]; got != (Crossings{Packets: 7}) {
		t.Errorf("without directions: %+v, want 7 packets of none", got)
	}
}
