package lifecycle

import (
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestTrialOutlivesTheDaemon kills the daemon during a trial. What comes after it
// goes on with the trial for the rest of its time.
func TestTrialOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	d, g, asked := trying(t, "7s")
	g.Expect(t, "on trial", harness.Filtered)
	d.Kill()
	// Nobody takes what the file says by now for what is on trial.
	d.Write(harness.AllowAll)
	d.Start()
	if s := d.Trial().Policy; s.Trial == nil || s.Trial.Left > 7 || !s.FileDiffers {
		t.Errorf("started anew: %+v", s)
	}
	if time.Since(asked) < 4*time.Second {
		g.Expect(t, "still on trial", harness.Filtered)
	}
	d.RolledBack(t)
	if took := time.Since(asked); took < 6900*time.Millisecond {
		t.Errorf("rolled back %v after the trial was asked for, want 7s", took)
	}
	g.Turn()
	g.Expect(t, "rolled back", harness.Filtered)
}
