package lifecycle

import (
	"strings"
	"testing"

	"sgfw/test/harness"
)

// TestPolicyFromStdin: `run -c -` enforces what standard input says. It cannot be read
// again, which a reload says, and changes nothing.
func TestPolicyFromStdin(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Prepare(t, server.Host(), "")
	d.Stdin = strings.NewReader(harness.GatePolicy())
	d.Start("-c", "-")
	g.Expect(t, "enforced", harness.Filtered)
	if said := d.Log.String(); !strings.Contains(said, "policy=stdin") ||
		strings.Contains(said, "policy=-") || !strings.Contains(d.Must(t, 0, "status"), "stdin") {
		t.Errorf("the log and status do not call it stdin:\n%s", said)
	}
	if s := d.Unconfirmed().Policy; s.FileDiffers {
		t.Errorf("%+v: nothing else can have been said", s)
	}
	if out := d.Must(t, 1, "reload"); !strings.Contains(out, "cannot be read again") {
		t.Errorf("reload says\n%s", out)
	}
	g.Expect(t, "reload refused", harness.Filtered)
	if s := d.Unconfirmed().Policy; s.FileDiffers {
		t.Errorf("%+v: nothing else can have been said", s)
	}
	d.Stop()
	g.Expect(t, "stopped", harness.Open)
}
