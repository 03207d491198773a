package lifecycle

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/harness"
)

// TestSecondDaemonIsRefused starts a second daemon beside the first one, with the
// same socket and with another, and one in another namespace, where it may run.
func TestSecondDaemonIsRefused(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	first := harness.Enforce(t, server.Host(), harness.GatePolicy())
	g.Expect(t, "the first one", harness.Filtered)
	before := snapshot(t, server.Host())
	lift := g.KeepTrying(t)
	for _, socket := range []string{first.Socket, ""} {
		second := harness.Prepare(t, server.Host(), harness.AllowAll)
		if socket != "" {
			second.Socket = socket
		}
		said := second.Refuses(1)
		if !regexp.MustCompile(fmt.Sprintf(`\b%d\b`, first.Cmd.Process.Pid)).MatchString(said) {
			t.Errorf("it does not name PID %d:\n%s", first.Cmd.Process.Pid, said)
		}
	}
	if diff := cmp.Diff(before.Ruleset, harness.Ruleset(t, server.Host())); diff != "" {
		t.Errorf("the refused ones changed the table:\n%s", diff)
	}
	g.Expect(t, "after the refusals", harness.Filtered)
	if out, code := first.Sgfw("status"); code != 0 {
		t.Errorf("status of the first one: exit %d\n%s", code, out)
	}
	lift()

	// The other host's rules close what the first one's allow.
	other := harness.Enforce(t, client.Host(), harness.Closed)
	g.Expect(t, "both hosts protected", harness.Shut)
	other.Stop()
	g.Expect(t, "the first one alone", harness.Filtered)
}
