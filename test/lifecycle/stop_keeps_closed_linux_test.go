package lifecycle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/harness"
)

// TestStopKeepsClosed is on_stop: keep. What stays closed is opened by cleanup
// or filtered again by the next daemon, and no cleanup opens a running one.
func TestStopKeepsClosed(t *testing.T) {
	t.Parallel()
	for _, gone := range []string{"drop", "accept"} {
		t.Run("gone "+gone, func(t *testing.T) {
			t.Parallel()
			_, server, g := harness.NewPair(t)
			before := harness.Ruleset(t, server.Host())
			d := harness.Enforce(t, server.Host(),
				harness.GatePolicy("on_stop: keep", "on_failure: { gone: "+gone+" }"))
			g.Expect(t, "enforced", harness.Filtered)
			lift := g.KeepTrying(t)
			if out, code := d.Sgfw("cleanup"); code != 5 ||
				!strings.Contains(out, fmt.Sprint(d.Cmd.Process.Pid)) {
				t.Errorf("cleanup of a living daemon: exit %d, want 5 and its PID\n%s", code, out)
			}
			if out, code := d.Sgfw("cleanup", "--force"); code != 5 {
				t.Errorf("cleanup --force of a living daemon: exit %d, want 5\n%s", code, out)
			}
			g.Expect(t, "after a refused cleanup", harness.Filtered)
			d.Stop()
			g.Expect(t, "stopped, kept closed", harness.Shut)
			d.Start()
			g.Expect(t, "started over what was kept", harness.Filtered)
			d.Stop()
			g.Expect(t, "stopped once more", harness.Shut)
			lift()
			if out, code := d.Sgfw("cleanup"); code != 0 || !strings.Contains(out, "inet sgfw") {
				t.Errorf("cleanup: exit %d\n%s", code, out)
			}
			g.Expect(t, "cleaned up", harness.Open)
			if diff := cmp.Diff(before, harness.Ruleset(t, server.Host())); diff != "" {
				t.Errorf("the ruleset before the start (-) and after cleanup (+):\n%s", diff)
			}
		})
	}
}
