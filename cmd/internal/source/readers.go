package source

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// maxReads bounds the reads of one file that are under way: of a mount that is dead
// each costs a thread until it answers, or for ever. maxGlances is how many of them those
// who cannot wait may begin. Where they hang the path may lead elsewhere by now: one more is
// tried every tryAgain for who asks, maxTries in all, and for glances after twice as long
// each time, up to maxDoubled times.
const (
	maxReads   = 8
	maxGlances = maxReads / 2
	tryAgain   = 30 * time.Second
	maxTries   = 250
	maxDoubled = 12
)

// readers are the reads of one file since it last answered somebody after others had
// waited in vain: those may wait for ever, where the path leads elsewhere by now.
type readers struct {
	// places has an element for each read that is under way, and hanging counts those
	// that nobody waits for any more.
	places  chan struct{}
	hanging atomic.Int32

	asked, glanced tries
}

func newReaders() *readers { return &readers{places: make(chan struct{}, maxReads)} }

// begin waits for a place until ctx ends. leave gives it back.
func (r *readers) begin(ctx context.Context) (leave func(), ok bool) {
	if len(r.places) == maxReads && r.hanging.Load() >= maxReads && r.asked.again(maxTries, 0) {
		return func() {}, true
	}
	select {
	case r.places <- struct{}{}:
		return func() { <-r.places }, true
	case <-ctx.Done():
		return nil, false
	}
}

// glance is begin for those who cannot wait.
func (r *readers) glance(ctx context.Context) (leave func(), ok bool) {
	if r.hanging.Load() == 0 || len(r.places) < maxGlances {
		return r.begin(ctx)
	}
	return func() {}, r.glanced.again(math.MaxInt, maxDoubled)
}

// tries are reads without a place, though others hang.
type tries struct {
	mu   sync.Mutex
	n    int
	last time.Time
}

// again reports whether it is time for one more: of at most so many, at a pause that was
// doubled at most so many times.
func (t *tries) again(most, doubled int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == most || time.Since(t.last) < tryAgain<<min(t.n, doubled) {
		return false
	}
	t.n, t.last = t.n+1, time.Now()
	return true
}
