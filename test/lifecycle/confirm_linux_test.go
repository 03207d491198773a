package lifecycle

import (
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
)

// trying starts a daemon with the gate's policy and puts the opposite in force, to be
// confirmed. The wait begins between asked and the return.
func trying(t *testing.T, seconds string) (d *harness.Daemon, g *harness.Gate, asked time.Time) {
	t.Helper()
	_, server, g := harness.NewPair(t)
	d = harness.Enforce(t, server.Host(), harness.GatePolicy())
	g.Expect(t, "the policy of before", harness.Filtered)
	d.Write(turned)
	asked = time.Now()
	if out := d.Must(t, 0, "reload", "--confirm", seconds); !strings.Contains(out, "sgfw confirm") {
		t.Errorf("reload --confirm does not tell how to confirm:\n%s", out)
	}
	g.Turn()
	return d, g, asked
}
