package conntrack

import "sync/atomic"

// pool is a limit of flows that scopes divide among themselves (T30). What a scope is
// guaranteed is set aside for it, used or not; what is left over is common to all.
type pool struct {
	limit int64
	// committed is what is set aside or in use: for each scope the larger of its flows and
	// its guarantee. Whoever finds it above the limit undoes or evicts what took it there.
	committed atomic.Int64
}

// reserve sets up to n more flows aside, as many as the limit leaves.
func (p *pool) reserve(n int64) int64 {
	for {
		have := p.committed.Load()
		if n = min(n, p.limit-have); n <= 0 {
			return 0
		}
		if p.committed.CompareAndSwap(have, have+n) {
			return n
		}
	}
}

// portion is what one scope has of a pool. Both numbers are in one word, so that each
// change knows whether it was within the guarantee: flows in the lower half, the
// guarantee in the upper one. A change within it touches nothing that scopes have in
// common.
type portion struct{ word atomic.Uint64 }

const portionBits = 32

func split(word uint64) (flows, guarantee int64) {
	return int64(uint32(word)), int64(word >> portionBits)
}

func packed(flows, guarantee int64) uint64 { return uint64(guarantee)<<portionBits | uint64(flows) }

func (q *portion) load() (flows, guarantee int64) { return split(q.word.Load()) }

// excess is how many flows there are beyond the guarantee.
func (q *portion) excess() int64 {
	flows, guarantee := q.load()
	return max(0, flows-guarantee)
}

// join counts one more flow and reports whether the pool has room for it. If not the
// flow is counted nevertheless.
func (q *portion) join(p *pool) bool {
	flows, guarantee := split(q.word.Add(1))
	return flows <= guarantee || p.committed.Add(1) <= p.limit
}

// leave counts one flow less.
func (q *portion) leave(p *pool) {
	if flows, guarantee := split(q.word.Add(^uint64(0))); flows >= guarantee {
		p.committed.Add(-1)
	}
}

// retract undoes a join that found no room. A guarantee that was raised meanwhile may have come
// to cover the flow, as if it had been let in: then it gives up that part and reports so.
func (q *portion) retract(p *pool) (givenUp bool) {
	for {
		word := q.word.Load()
		flows, guarantee := split(word)
		if givenUp = flows <= guarantee; givenUp {
			guarantee--
		}
		if q.word.CompareAndSwap(word, packed(flows-1, guarantee)) {
			p.committed.Add(-1)
			return givenUp
		}
	}
}

// claim takes one flow beyond the guarantee, if there is one, off the flows. The caller
// removes a flow and calls paid, or finds none to remove and calls unclaim. So no two
// workers evict one flow too many between them.
func (q *portion) claim() bool {
	for {
		word := q.word.Load()
		if flows, guarantee := split(word); flows <= guarantee {
			return false
		}
		if q.word.CompareAndSwap(word, word-1) {
			return true
		}
	}
}

// paid gives back what a claimed flow had of the common part.
func (p *pool) paid() { p.committed.Add(-1) }

func (q *portion) unclaim(p *pool) {
	if flows, guarantee := split(q.word.Add(1)); flows <= guarantee {
		p.committed.Add(-1)
	}
}

// guarantee sets the guarantee to n, or as near to it as the pool has room, and returns
// what it is then. What the scope's flows take already needs no room. One goroutine
// calls it at a time.
func (q *portion) guarantee(p *pool, n int64) int64 {
	for {
		word := q.word.Load()
		flows, has := split(word)
		to := min(n, max(flows, has))
		got := p.reserve(n - to)
		to += got
		if q.word.CompareAndSwap(word, packed(flows, to)) {
			p.committed.Add(max(flows, to) - max(flows, has) - got)
			return to
		}
		p.committed.Add(-got)
	}
}
