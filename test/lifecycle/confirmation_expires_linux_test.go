package lifecycle

import (
	"strings"
	"testing"

	"sgfw/test/harness"
)

func TestConfirmationExpires(t *testing.T) {
	t.Parallel()
	d, g, _ := trying(t, "5s")
	g.Expect(t, "unconfirmed", harness.Filtered)
	d.RolledBack(t)
	g.Turn()
	g.Expect(t, "rolled back", harness.Filtered)
	if out := d.Must(t, 1, "confirm"); !strings.Contains(out, "rolled back") {
		t.Errorf("a late confirm does not say what happened:\n%s", out)
	}
	// The file still says what was rolled back: a restart does not take it.
	for range 2 {
		d.Stop()
		d.Start()
		g.Expect(t, "rolled back, after a restart", harness.Filtered)
		if !d.Unconfirmed().Policy.FileDiffers {
			t.Error("status does not say that the file differs")
		}
	}
	// Who asks for it again gets it.
	d.Must(t, 0, "reload")
	g.Turn()
	g.Expect(t, "reloaded all the same", harness.Filtered)
	if s := d.Unconfirmed().Policy; s.RolledBack != nil || s.FileDiffers {
		t.Errorf("reloaded: %+v", s)
	}
}
