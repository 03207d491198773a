package nfqueue

import (
	"testing"
	"time"
)

// TestBusyPoll: a loop polls while packets come within the budget, halves its patience after each
// poll in vain, and polls again only after a short sleep.
func TestBusyPoll(t *testing.T) {
	const budget = 50 * time.Microsecond
	b := busyPoll{budget: budget}
	steps := []struct {
		name string
		do   func()
		want time.Duration
	}{
		{"at first it sleeps", func() {}, 0},
		{"a long sleep", func() { b.slept(budget) }, 0},
		{"a short sleep", func() { b.slept(budget - 1) }, budget},
		{"in vain", b.vain, budget / 2},
		{"in vain again", b.vain, budget / 4},
		{"found", b.found, budget},
		{"in vain", b.vain, budget / 2},
		{"a long sleep does not end a poll", func() { b.slept(time.Second) }, budget / 2},
		{"in vain", b.vain, budget / 4},
		{"in vain", b.vain, budget / 8},
		{"in vain", b.vain, budget / 16},
		{"the last", b.vain, 0},
		{"in vain without patience", b.vain, 0},
		{"a long sleep", func() { b.slept(time.Hour) }, 0},
	}
	for _, s := range steps {
		s.do()
		if b.patience != s.want {
			t.Fatalf("%s: patience %v, want %v", s.name, b.patience, s.want)
		}
	}
	var never busyPoll
	never.slept(0)
	never.found()
	if never.patience != 0 {
		t.Errorf("without a budget: patience %v", never.patience)
	}
}
