package lifecycle

import (
	"testing"

	"sgfw/test/harness"
)

// TestKilledOpens is on_failure: { gone: accept }: the table goes with the daemon
// however that ends, and the next one closes again what it should.
func TestKilledOpens(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(), harness.GatePolicy("on_failure: { gone: accept }"))
	for range 2 {
		g.Expect(t, "enforced", harness.Filtered)
		d.Kill()
		g.Expect(t, "killed", harness.Open)
		if ours(harness.Ruleset(t, server.Host())) {
			t.Error("the table outlived the daemon")
		}
		d.Start()
	}
	// The policy of the next start decides, not that of the last one.
	g.Expect(t, "started again", harness.Filtered)
	d.Kill()
	d.Write(harness.GatePolicy())
	d.Start()
	d.Kill()
	g.Expect(t, "killed under gone: drop", harness.Shut)
	d.Write(harness.GatePolicy("on_failure: { gone: accept }"))
	d.Start()
	g.Expect(t, "started over a closed table", harness.Filtered)
	// A reload changes what the death of the daemon means.
	d.Reload(harness.GatePolicy())
	g.Expect(t, "reloaded", harness.Filtered)
	d.Kill()
	g.Expect(t, "killed after the reload", harness.Shut)
}
