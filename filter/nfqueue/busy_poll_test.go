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
	found := func() { b.found(time.Microsecond, 0) }
	vain := func() { b.vain(time.Microsecond, 0) }
	steps := []struct {
		name string
		do   func()
		want time.Duration
	}{
		{"at first it sleeps", func() {}, 0},
		{"a long sleep", func() { b.slept(budget, 0) }, 0},
		{"a short sleep", func() { b.slept(budget-1, 0) }, budget},
		{"in vain", vain, budget / 2},
		{"in vain again", vain, budget / 4},
		{"found", found, budget},
		{"in vain", vain, budget / 2},
		{"a long sleep does not end a poll", func() { b.slept(time.Second, 0) }, budget / 2},
		{"in vain", vain, budget / 4},
		{"in vain", vain, budget / 8},
		{"in vain", vain, budget / 16},
		{"the last", vain, 0},
		{"in vain without patience", vain, 0},
		{"a long sleep", func() { b.slept(time.Hour, 0) }, 0},
	}
	for _, s := range steps {
		s.do()
		if b.patience != s.want {
			t.Fatalf("%s: patience %v, want %v", s.name, b.patience, s.want)
		}
	}
	var never busyPoll
	never.slept(0, 0)
	never.found(0, 0)
	if never.patience != 0 {
		t.Errorf("without a budget: patience %v", never.patience)
	}
}

// wakeUp is how long the loop of the tests takes to wake up.
const wakeUp = 10 * time.Microsecond

// arrive drives a loop through packets that come at distances which next returns, for a second of
// its own clock, and returns how long it polled and how often it slept.
func arrive(
	b *busyPoll, next func(i int) time.Duration,
) (polled time.Duration, sleeps, packets int) {
	for now := time.Duration(0); now < time.Second; packets++ {
		left := next(packets)
		if b.patience > 0 {
			waited := min(left, b.patience)
			now += waited
			polled += waited
			left -= waited
			if left == 0 {
				b.found(waited, now)
				continue
			}
			b.vain(waited, now)
		}
		sleeps++
		now += left + wakeUp
		b.slept(left+wakeUp, now)
	}
	return polled, sleeps, packets
}

// TestBusyPollPays: where packets come one after the other the loop never sleeps for long; where
// a wake-up is cheaper than to wait for the next packet, it polls for hardly any time.
func TestBusyPollPays(t *testing.T) {
	const budget = 50 * time.Microsecond
	every := func(d ...time.Duration) func(int) time.Duration {
		return func(i int) time.Duration { return d[i%len(d)] }
	}
	for _, tt := range []struct {
		name string
		next func(int) time.Duration
		pays bool
	}{
		{"one after the other", every(3 * time.Microsecond), true},
		{"a round trip", every(15 * time.Microsecond), true},
		{"a pause now and then", every(10*time.Microsecond, 10*time.Microsecond, 10*time.Microsecond,
			10*time.Microsecond, 10*time.Microsecond, 40*time.Microsecond), true},
		{"questions far apart, answers at once", every(10*time.Microsecond, 90*time.Microsecond), false},
		{"25,000 a second", every(38 * time.Microsecond), false},
		{"just within the budget", every(budget - wakeUp - 1), false},
		{"further apart than the budget", every(time.Millisecond), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			polled, sleeps, packets := arrive(&busyPoll{budget: budget}, tt.next)
			if tt.pays {
				if sleeps > packets/10 {
					t.Errorf("the loop slept %d times for %d packets", sleeps, packets)
				}
			} else if polled > 20*time.Millisecond {
				t.Errorf("the loop polled %v of a second", polled)
			}
		})
	}
}

// TestBusyPollTriesAgain: a loop that rests notices within maxRest that packets come closer, and
// after a good time its next rest is short again.
func TestBusyPollTriesAgain(t *testing.T) {
	b := &busyPoll{budget: 50 * time.Microsecond}
	arrive(b, func(int) time.Duration { return 38 * time.Microsecond })
	if b.rest != maxRest {
		t.Fatalf("after a second in vain a rest lasts %v, want %v", b.rest, maxRest)
	}
	b.until = maxRest // arrive begins a new clock
	_, sleeps, packets := arrive(b, func(int) time.Duration { return 8 * time.Microsecond })
	asleep := time.Duration(sleeps) * (8*time.Microsecond + wakeUp)
	if asleep > maxRest+time.Millisecond {
		t.Errorf("the loop slept %d times in %d packets, for %v", sleeps, packets, asleep)
	}
	if b.rest != 0 {
		t.Errorf("after a good time a rest lasts %v, want none", b.rest)
	}
	b.account = 1
	b.vain(b.budget, 0)
	if b.rest != minRest {
		t.Errorf("the first rest lasts %v, want %v", b.rest, minRest)
	}
}

// TestBusyPollOthersTime: a poll never spends more than it was to last.
func TestBusyPollOthersTime(t *testing.T) {
	b := busyPoll{budget: 50 * time.Microsecond}
	b.slept(0, 0)
	b.vain(time.Hour, time.Hour)
	if want := b.trial() - b.budget; b.account != want || b.patience != b.budget/2 {
		t.Errorf("account %v and patience %v, want %v and %v", b.account, b.patience, want, b.budget/2)
	}
}
