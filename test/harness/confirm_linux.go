package harness

import (
	"testing"
	"time"
)

// confirmStatus is what status says about the policy in force.
type confirmStatus struct {
	Policy struct {
		Generation  uint64
		FileDiffers bool `json:"file_differs"`
		Watch       bool
		StandIn     string `json:"stand_in"`
		Trial       *struct {
			Deadline time.Time
			Left     int64 `json:"left_seconds"`
		}
		RolledBack *struct{ Why string } `json:"rolled_back"`
		Failure    *struct{ By, Message string }
	}
}

func (d *Daemon) Unconfirmed() (s confirmStatus) {
	d.T.Helper()
	d.Document(&s, "status")
	return s
}

// RolledBack waits until the daemon has gone back by itself.
func (d *Daemon) RolledBack(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(2 * ArrivalTimeout); ; time.Sleep(20 * time.Millisecond) {
		s := d.Unconfirmed().Policy
		if s.RolledBack != nil && s.Trial == nil {
			if !s.FileDiffers || s.RolledBack.Why == "" {
				t.Errorf("rolled back: %+v, want a reason, and the file to differ", s)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not rolled back: %+v", s)
		}
	}
}
