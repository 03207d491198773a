package lifecycle

import (
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestConfirmationExpiresWhileNoDaemonRuns: the one that starts after that has the confirmed
// policy in force from its first packet on.
func TestConfirmationExpiresWhileNoDaemonRuns(t *testing.T) {
	t.Parallel()
	d, g, _ := trying(t, "4s")
	begun := time.Now()
	g.Expect(t, "unconfirmed", harness.Filtered)
	d.Kill()
	time.Sleep(time.Until(begun.Add(4200 * time.Millisecond)))
	g.Turn() // what the traffic tries is what the unconfirmed policy allows
	lift := g.KeepTrying(t)
	d.Start()
	g.Expect(t, "rolled back at the start", harness.Filtered)
	lift()
	d.RolledBack(t)
	if !strings.Contains(d.Log.String(), "rolled back") {
		t.Errorf("the log does not tell\n%s", d.Log)
	}
	d.Kill()
	d.Start()
	g.Expect(t, "after one more crash", harness.Filtered)
	// What the user writes next is taken.
	d.Stop()
	d.Write(turned + "# edited\n")
	d.Start()
	g.Turn()
	g.Expect(t, "another file", harness.Filtered)
}
