package nfqueue

import "time"

// busyPoll decides how long a loop that finds nothing to read looks again before
// it sleeps. Waking a sleeper costs the one who sends tens of microseconds on a
// virtual machine, several times what a packet costs; looking again costs a CPU
// that others may want. So a loop looks only while it pays: packets that come
// within the budget after each other keep it awake, a look in vain halves its
// patience, and after a few it sleeps at once until the next short wait. A loop
// whose packets come further apart than the budget never polls.
//
// The zero value never polls. It belongs to one goroutine.
type busyPoll struct {
	// budget is the longest poll, 0 for none.
	budget time.Duration
	// patience is how long the next poll may take.
	patience time.Duration
}

// minPatience is where halving ends: shorter polls find next to nothing.
const minPatience = 2 * time.Microsecond

// found says that a poll found something to read.
func (b *busyPoll) found() { b.patience = b.budget }

// vain says that a poll took all its patience and found nothing.
func (b *busyPoll) vain() {
	if b.patience /= 2; b.patience < minPatience {
		b.patience = 0
	}
}

// slept says how long the loop slept before something came.
func (b *busyPoll) slept(d time.Duration) {
	if d < b.budget {
		b.patience = b.budget
	}
}
