package lifecycle

import (
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestConfirmationOutlivesTheDaemon kills the daemon before the confirmation. What comes after it
// goes on waiting for the rest of its time.
func TestConfirmationOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	d, g, asked := trying(t, "7s")
	g.Expect(t, "unconfirmed", harness.Filtered)
	d.Kill()
	// Nobody takes what the file says by now for what waits to be confirmed.
	d.Write(harness.AllowAll)
	d.Start()
	if s := d.Unconfirmed().Policy; s.Trial == nil || s.Trial.Left > 7 || !s.FileDiffers {
		t.Errorf("started anew: %+v", s)
	}
	if time.Since(asked) < 4*time.Second {
		g.Expect(t, "still unconfirmed", harness.Filtered)
	}
	d.RolledBack(t)
	if took := time.Since(asked); took < 6900*time.Millisecond {
		t.Errorf("rolled back %v after the reload was asked for, want 7s", took)
	}
	g.Turn()
	g.Expect(t, "rolled back", harness.Filtered)
}
