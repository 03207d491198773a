package flowlog

import (
	"testing"
	"time"

	"sgfw/policy"
	"sgfw/policy/flowlog"
)

// TestClockSetBack: no line of a window ends before it begins, though the clock was set back.
func TestClockSetBack(t *testing.T) {
	back := Clock{Flows: clock.Flows, Wall: clock.Wall.Add(-time.Hour)}
	w := NewWindow(clock.Wall.Unix()-60, policy.TrafficAll, MaxTraffic)
	w.Look(scene())
	w.missed[2] = true
	records := w.Close(scene(), back)
	if len(records) != 3 {
		t.Fatalf("%d lines, want one of each interface", len(records))
	}
	for _, r := range records {
		if want := back.Wall.Unix(); r.Start != want || r.End != want || r.Status == flowlog.OK {
			t.Errorf("%+v, want %d", r, want)
		}
	}
}
