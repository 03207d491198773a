package filter

import (
	"testing"

	"sgfw/conntrack"
)

// TestHindsight: recorded packets are judged by other rules as they would be if they came
// again, whatever was decided then.
func TestHindsight(t *testing.T) {
	old, other := tcpRule(80, "0.0.0.0/0"), tcpRule(81, "0.0.0.0/0")
	b := newBench(t, onePolicy(old))
	tap := b.Tap(8, 64, anything)
	defer tap.Close()
	packets := [][]byte{
		tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN),
		tcp4(client, us, 40000, 81, 1, 0, conntrack.SYN),
		tcp4(client, us, 40000, 82, 1, 0, conntrack.SYN), udp4(client, us, 5000, 81),
	}
	for _, raw := range packets {
		b.in(raw)
	}
	list, _ := tap.Take()
	next := newBench(t, onePolicy(other))
	h := b.compiler.Fork().Compile(onePolicy(other), nil).WithLinks(testLinks).Hindsight()
	for i, raw := range packets {
		got, managed := h.Judge(&list[i].Record)
		want := next.in(raw)
		if !managed || got.Reason != want.Reason || got.Accept() == list[i].Verdict.Accept() && i < 2 {
			t.Errorf("packet %d: %s now, want %s; it was %s", i, got.Reason, want.Reason,
				list[i].Verdict.Reason)
		}
	}
	list[0].Device = "eth9"
	if _, managed := h.Judge(&list[0].Record); managed {
		t.Error("a device that the policy does not name is managed")
	}
}
