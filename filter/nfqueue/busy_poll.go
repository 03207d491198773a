package nfqueue

import "time"

// busyPoll decides how long a loop that finds nothing to read polls before it sleeps. To wake
// a sleeping loop costs the sender of a packet tens of microseconds on a virtual machine,
// several times what the packet costs. To poll costs a CPU that others may want.
//
// So a loop polls only while that pays. Packets that follow each other within the budget keep
// it awake. A poll in vain halves its patience; after a few the loop sleeps at once, until the
// next short sleep. A loop whose packets come further apart than the budget never polls.
//
// The zero value never polls. It belongs to one goroutine.
type busyPoll struct {
	// budget is the longest poll, 0 for none.
	budget time.Duration
	// patience is how long the next poll may take.
	patience time.Duration
}

// minPatience ends the halving: shorter polls hardly find anything.
const minPatience = 2 * time.Microsecond

// found notes that a poll found something to read.
func (b *busyPoll) found() { b.patience = b.budget }

// vain notes that a poll lasted for all its patience and found nothing.
func (b *busyPoll) vain() {
	if b.patience /= 2; b.patience < minPatience {
		b.patience = 0
	}
}

// slept notes how long the loop slept before a message came.
func (b *busyPoll) slept(d time.Duration) {
	if d < b.budget {
		b.patience = b.budget
	}
}
