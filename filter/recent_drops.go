package filter

import (
	"cmp"
	"slices"
	"sync"
)

// RecentDrops is how many dropped packets each worker remembers.
const RecentDrops = 512

// maxOfBatch is how many of one batch, while nobody watches: batches are that
// full in a flood only, whose packets are much alike, and a record costs a third
// of what refusing a packet does.
const maxOfBatch = 8

// recent remembers the last drops of one worker, so that "why was this dropped?"
// has an answer after the fact. What passes is not remembered and costs nothing.
type recent struct {
	mu   sync.Mutex // taken by the worker once a batch that dropped something
	ring []Record   // in a circle once it is full
	next int
}

func (r *recent) add(records []Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range records {
		if !Dropping.Has(records[i].Verdict.Reason) {
			continue
		}
		if len(r.ring) < RecentDrops {
			r.ring = append(r.ring, records[i])
			continue
		}
		r.ring[r.next] = records[i]
		r.next = (r.next + 1) % RecentDrops
	}
}

// Recent returns the last drops that sel selects, at most n, the oldest first.
// Each worker remembers RecentDrops of them.
func (e *Engine) Recent(n int, sel Selection) []Record {
	e.mu.Lock()
	workers := slices.Clone(e.workers)
	e.mu.Unlock()
	rs := e.Ruleset()
	var out []Record
	for _, w := range workers {
		w.recent.mu.Lock()
		for i := range w.recent.ring {
			if r := &w.recent.ring[i]; sel.Matches(rs, r) {
				out = append(out, *r)
			}
		}
		w.recent.mu.Unlock()
	}
	slices.SortStableFunc(out, func(a, b Record) int { return cmp.Compare(a.Time, b.Time) })
	return out[max(0, len(out)-n):]
}
