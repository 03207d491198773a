package lifecycle

import (
	"testing"
	"time"

	"sgfw/test/harness"
)

func TestPolicyIsConfirmed(t *testing.T) {
	t.Parallel()
	d, g, _ := trying(t, "6s")
	begun := time.Now()
	g.Expect(t, "unconfirmed", harness.Filtered)
	if s := d.Unconfirmed().Policy; s.Trial == nil || s.Trial.Left > 6 || s.FileDiffers {
		t.Errorf("unconfirmed: %+v", s)
	}
	d.Must(t, 0, "confirm")
	time.Sleep(time.Until(begun.Add(6500 * time.Millisecond)))
	g.Expect(t, "confirmed", harness.Filtered)
	if s := d.Unconfirmed().Policy; s.Trial != nil || s.RolledBack != nil || s.FileDiffers {
		t.Errorf("confirmed: %+v", s)
	}
	d.Must(t, 1, "confirm")
	d.Must(t, 1, "rollback")
	d.Kill()
	d.Start()
	g.Expect(t, "confirmed, after a crash", harness.Filtered)
}
