package lifecycle

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/harness"
)

// TestOrderedStopLeavesTheMachineAsItWas compares all that the kernel shows of a
// host before the start and after the stop.
func TestOrderedStopLeavesTheMachineAsItWas(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	foreignTable(t, server.Host(), 9)
	refused := harness.NewInbox(t, server.Host(), harness.AddrPort(server.IPv4(), 9))
	g.Expect(t, "before the start", harness.Open)
	before := snapshot(t, server.Host())
	if len(before.Sysctls) < 100 || len(before.Ruleset) < 4 || len(before.Links) < 4 {
		t.Fatalf("the snapshot sees little: %d sysctls, %v", len(before.Sysctls), before.Ruleset)
	}
	for round := range 2 {
		d := harness.Enforce(t, server.Host(), harness.GatePolicy())
		g.Expect(t, "enforced", harness.Filtered)
		during := snapshot(t, server.Host())
		if !ours(during.Ruleset) || len(during.Queues) == 0 {
			t.Errorf("while it runs: ruleset %v, queues %v", during.Ruleset, during.Queues)
		}
		for _, line := range before.Ruleset {
			if !slices.Contains(during.Ruleset, line) {
				t.Errorf("the other tool lost %q", line)
			}
		}
		d.Stop()
		if diff := cmp.Diff(before, snapshot(t, server.Host())); diff != "" {
			t.Errorf("round %d: the machine before the start (-) and after the stop (+):\n%s", round, diff)
		}
		g.Expect(t, "stopped", harness.Open)
	}
	far := harness.NewInbox(t, client.Host(), harness.AddrPort(client.IPv4(), 0))
	if _, ok := refused.Receives(far.Send(t, harness.AddrPort(server.IPv4(), 9)),
		harness.SilenceTimeout); ok {
		t.Error("the other tool's rule has no effect any more")
	}
}
