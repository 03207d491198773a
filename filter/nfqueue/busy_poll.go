package nfqueue

import "time"

// busyPoll decides how long a loop that finds nothing to read polls before it sleeps. To wake
// a sleeping loop costs the sender of a packet tens of microseconds on a virtual machine,
// several times what the packet costs. To poll costs a CPU that others may want.
//
// So polling has to pay for itself. It has an account of time: a packet that a poll found
// after a wait pays in what a wake-up is worth, and each poll takes out the CPU time that it
// took: while it yields the CPU to others it spends nothing. With an empty account the loop
// rests: it sleeps at once, for a while that doubles each time, and then tries again with
// little. Where packets come at distances that are longer than what a wake-up is worth, trials
// are all that is spent; where they come one after the other, the account stays full.
//
// Within that a poll in vain halves the loop's patience; after a few the loop sleeps at once,
// until the next short sleep. A loop whose packets come further apart than the budget never
// polls.
//
// The zero value never polls. It belongs to one goroutine, and takes its times from its
// caller.
type busyPoll struct {
	// budget is the longest poll, 0 for none.
	budget time.Duration
	// patience is how long the next poll may take.
	patience time.Duration
	// account is what polls may still take until the loop rests.
	account time.Duration
	// until is when a rest ends, and rest how long it was; the loop's own clock.
	until, rest time.Duration
}

const (
	// minPatience ends the halving: shorter polls hardly find anything.
	minPatience = 2 * time.Microsecond
	// A rest lasts from minRest to maxRest.
	minRest = time.Millisecond
	maxRest = 40 * time.Millisecond
)

// price is what a wake-up is worth in time of polling: 25 µs with the default budget.
func (b *busyPoll) price() time.Duration { return b.budget / 2 }

// trial is what the account has after a rest, and full the most that it can have.
func (b *busyPoll) trial() time.Duration { return 4 * b.budget }
func (b *busyPoll) full() time.Duration  { return 16 * b.budget }

// found notes that a poll spent waited of CPU time and found something to read; 0 if that was
// there at once, so that the loop would not have slept. No poll spends more than its patience.
func (b *busyPoll) found(waited, now time.Duration) {
	waited = min(waited, b.patience)
	b.patience = b.budget
	if waited <= 0 {
		return
	}
	b.account = min(b.account+b.price(), b.full())
	if b.account == b.full() {
		b.rest = 0
	}
	b.spend(waited, now)
}

// vain notes that a poll spent waited of CPU time, and found nothing for all its patience.
func (b *busyPoll) vain(waited, now time.Duration) {
	waited = min(waited, b.patience)
	if b.patience /= 2; b.patience < minPatience {
		b.patience = 0
	}
	b.spend(waited, now)
}

// spend takes a poll out of the account. If that is empty the loop rests.
func (b *busyPoll) spend(waited, now time.Duration) {
	if b.account -= waited; b.account > 0 {
		return
	}
	b.account, b.patience = 0, 0
	b.rest = max(minRest, min(2*b.rest, maxRest))
	b.until = now + b.rest
}

// slept notes how long the loop slept before a message came.
func (b *busyPoll) slept(d, now time.Duration) {
	if d >= b.budget {
		return
	}
	if b.account == 0 {
		if now < b.until {
			return
		}
		b.account = b.trial()
	}
	b.patience = b.budget
}
