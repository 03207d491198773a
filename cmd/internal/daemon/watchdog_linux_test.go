package daemon

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"sgfw/filter/nfqueue"
)

// countingQueue is a queue whose rounds the test counts.
type countingQueue struct {
	nfqueue.Queue
	passes uint64
}

func (q *countingQueue) Stats() nfqueue.Stats { return nfqueue.Stats{Heartbeats: q.passes} }

func TestPulse(t *testing.T) {
	a, b := &countingQueue{passes: 7}, &countingQueue{passes: 9}
	p := newPulse([]nfqueue.Queue{a, b})
	for i, tc := range []struct {
		a, b  uint64 // passes since the last look
		still []int
	}{
		{1, 1, nil},
		{0, 0, []int{0, 1}},
		{5, 0, []int{1}},
		// Each went round since the last beat, though not since the last look.
		{0, 1, nil},
		{1, 0, []int{1}},
		{1, 0, []int{1}},
		{0, 3, nil},
	} {
		a.passes += tc.a
		b.passes += tc.b
		if still := p.beat(); !slices.Equal(still, tc.still) {
			t.Errorf("look %d: %v stand still, want %v", i, still, tc.still)
		}
	}
}

func TestWatchdogPatience(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for _, tc := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"10000000", self, 10 * time.Second},
		{"10000000", "", 10 * time.Second},
		{"10000000", "1", 0}, // meant for another process
		{"", self, 0},
		{"0", self, 0},
		{"-5", self, 0},
		{"soon", self, 0},
	} {
		t.Setenv("WATCHDOG_USEC", tc.usec)
		t.Setenv("WATCHDOG_PID", tc.pid)
		if got := watchdogPatience(); got != tc.want {
			t.Errorf("WATCHDOG_USEC=%q WATCHDOG_PID=%q: %v, want %v", tc.usec, tc.pid, got, tc.want)
		}
		for _, name := range []string{"WATCHDOG_USEC", "WATCHDOG_PID"} {
			if _, ok := os.LookupEnv(name); ok {
				t.Errorf("%s is still set: children would inherit it", name)
			}
		}
	}
}
