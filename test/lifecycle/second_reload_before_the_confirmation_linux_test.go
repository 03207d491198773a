package lifecycle

import (
	"testing"

	"sgfw/test/harness"
)

// TestSecondReloadBeforeTheConfirmation: the latest policy is to be confirmed, what to
// go back to is the one of before.
func TestSecondReloadBeforeTheConfirmation(t *testing.T) {
	t.Parallel()
	d, g, _ := trying(t, "60s")
	g.Expect(t, "unconfirmed", harness.Filtered)
	d.Write(harness.Closed)
	d.Must(t, 0, "reload")
	g.Expect(t, "another one, without --confirm", harness.Shut)
	if s := d.Unconfirmed().Policy; s.Trial == nil || s.Trial.Left < 30 {
		t.Errorf("a reload before the confirmation: %+v, want the deadline to stay", s)
	}
	// An invalid one changes nothing of it.
	d.Write("version: 2\n")
	d.Must(t, 3, "reload", "--confirm", "1s")
	d.Write(harness.AllowAll)
	d.Must(t, 0, "reload", "--confirm", "5s")
	g.Expect(t, "a third one, with a new time", harness.Open)
	d.RolledBack(t)
	g.Turn()
	g.Expect(t, "rolled back to the first", harness.Filtered)

	d.Write(turned)
	d.Must(t, 0, "reload", "--confirm", "60s")
	g.Turn()
	g.Expect(t, "unconfirmed once more", harness.Filtered)
	d.Must(t, 0, "rollback")
	g.Turn()
	g.Expect(t, "rolled back by order", harness.Filtered)
}
