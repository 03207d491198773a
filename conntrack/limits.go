package conntrack

import "sync/atomic"

// This file keeps the limits of the table (T30-T33). What a stranger can bring about with
// an invented address makes room for others: half-open connections, and all that is no
// TCP, answered or not. So do connections that have ended. Open connections never do.
//
// Of each such kind there is at most a share, half of the table: a new flow of a kind
// that has its share evicts the oldest of that kind. In a full table a new flow evicts
// the oldest of the kind that has most flows. So a flood of one kind makes room for
// itself and for all others, and the few flows of another kind, such as the handshake of
// an administrator, stay. If nothing can be evicted the new flow is refused.
//
// Scopes share these limits, each with a guarantee. What a scope has within its guarantee
// is set aside for it: its new flows find room there whatever others do, and no flow of
// another scope evicts them. Beyond the guarantees the table is common. A new flow that
// finds no room there evicts one of the scope that has most beyond its own guarantee, of
// those flows that can be evicted. So a flood at one device makes room for itself and for
// all other devices.
//
// Neither the limit of flows nor that of half-open ones is ever exceeded. Another kind
// exceeds its share only while flows that change their kind find the oldest of it in
// use. "Oldest" is exact within a scope and a shard. The new flow's own shard is tried
// first.

// reclaimSlice is how many entries an insert into a full table examines for one that
// has expired.
const reclaimSlice = 8

// evictTries bounds the search for a flow to evict that no worker has locked. It is
// meant to exceed the number of workers.
const evictTries = 16

// accountSlice is how many scopes an insert into a full table looks at for the one that
// has most, beside its own and the one that was found last. Where there are more, the
// next insert looks at the next ones.
const accountSlice = 16

// kindSet is a set of kinds, a bit for each.
type kindSet uint

const (
	allKinds kindSet = 1<<queueKinds - 1
	// usualKinds leaves out what was revoked: it would go on without its entry.
	usualKinds = allKinds &^ (1 << queueRevoked)
)

// search remembers where scopes with much to evict are found.
type search struct {
	found atomic.Pointer[account]
	next  atomic.Uint32
}

// admit makes room for one more flow of a kind in a scope and counts it.
func (s *shard) admit(a *account, id queueID, now Time) bool {
	t := s.table
	if !s.admitKind(a, id, now) {
		return false
	}
	if s.admitAny(a, now) {
		return true
	}
	t.release(a, id)
	return false
}

// admitAny makes room for one more flow in a scope, whatever its kind, and counts it.
func (s *shard) admitAny(a *account, now Time) bool {
	t := s.table
	if a.flows.join(&t.pool) {
		return true
	}
	s.reclaim(now, reclaimSlice)
	if t.pool.committed.Load() <= t.pool.limit || s.evict(a, now) {
		return true
	}
	t.retract(&a.flows, &t.pool)
	return false
}

// admitKind makes room for one more flow within the share of its kind and counts it.
func (s *shard) admitKind(a *account, id queueID, now Time) bool {
	t := s.table
	if a.kinds[id].join(&t.kinds[id]) || s.evictKind(a, id, now) {
		return true
	}
	t.retract(&a.kinds[id], &t.kinds[id])
	return false
}

// retract undoes a join that found no room. What it takes of a guarantee with that comes back
// as soon as there is room.
func (t *Table) retract(q *portion, p *pool) {
	if q.retract(p) {
		t.unsettled.Store(true)
	}
}

// joined counts a flow that has changed its kind, and has an old one of its new kind make
// room beyond the share.
func (s *shard) joined(a *account, id queueID, now Time) {
	if id < queueKinds && !a.kinds[id].join(&s.table.kinds[id]) {
		s.evictKind(a, id, now)
	}
}

// release counts one flow less of a kind, if the queue is that of a kind.
func (t *Table) release(a *account, id queueID) {
	if id < queueKinds {
		a.kinds[id].leave(&t.kinds[id])
	}
}

// evict evicts one flow to make room in the table for one of a scope.
func (s *shard) evict(own *account, now Time) bool {
	for _, set := range [...]kindSet{usualKinds, allKinds} {
		if set == allKinds && s.table.kinds[queueRevoked].committed.Load() == 0 {
			return false // nothing else than before
		}
		weigh := func(a *account) int64 { return a.evictable(set) }
		evict := func(a *account) bool { return s.evictOf(a, set, now) }
		if s.table.heaviest(&s.table.fullest, own, weigh, evict) {
			return true
		}
	}
	return false
}

// evictKind evicts one flow of a kind to make room within its share for one of a scope.
func (s *shard) evictKind(own *account, id queueID, now Time) bool {
	weigh := func(a *account) int64 {
		if a.waiting[id].Load() == 0 {
			return 0
		}
		return a.kinds[id].excess()
	}
	evict := func(a *account) bool {
		p, q := &s.table.kinds[id], &a.kinds[id]
		if !q.claim() {
			return false
		}
		if s.evictQueue(a, id, forKind, now) {
			p.paid()
			return true
		}
		q.unclaim(p)
		return false
	}
	return s.table.heaviest(&s.table.fullestOf[id], own, weigh, evict)
}

// heaviest has a scope evict a flow: the one that weighs most of those that it looks at
// or, if that one finds none, any of them. Of two that weigh the same it is the new
// flow's own, or else the one with the smaller number.
func (t *Table) heaviest(
	at *search, own *account, weigh func(*account) int64, evict func(*account) bool,
) bool {
	best, most := own, weigh(own)
	if a := at.found.Load(); a != nil && a != own {
		if n := weigh(a); n > most {
			best, most = a, n
		}
	}
	list := t.accounts()
	first := 0
	if len(list) > accountSlice {
		first = int(at.next.Add(accountSlice)) % len(list)
	}
	looked := min(len(list), accountSlice)
	for i := range looked {
		a := list[(first+i)%len(list)]
		if a == nil || a == own {
			continue
		}
		n := weigh(a)
		if n > most || n == most && n > 0 && best != own && a.scope < best.scope {
			best, most = a, n
		}
	}
	if most == 0 {
		return false
	}
	if at.found.Load() != best {
		at.found.Store(best)
	}
	if evict(best) {
		return true
	}
	for i := range looked {
		a := list[(first+i)%len(list)]
		if a != nil && a != best && weigh(a) > 0 && evict(a) {
			return true
		}
	}
	return false
}

// evictable is how many flows of some kinds can be evicted before the scope is within its
// guarantee.
func (a *account) evictable(set kindSet) (n int64) {
	excess := a.flows.excess()
	if excess == 0 {
		return 0
	}
	for id := range queueKinds {
		if set&(1<<id) != 0 && a.waiting[id].Load() != 0 {
			flows, _ := a.kinds[id].load()
			n += flows
		}
	}
	return min(n, excess)
}

// evictOf evicts a flow of a scope that has more than its guarantee: of its kind with
// most flows, or else of the next one.
func (s *shard) evictOf(a *account, left kindSet, now Time) bool {
	t := s.table
	if !a.flows.claim() {
		return false
	}
	for left != 0 {
		id := a.largest(left)
		if s.evictQueue(a, id, forTable, now) {
			t.pool.paid()
			return true
		}
		left &^= 1 << id
	}
	a.flows.unclaim(&t.pool)
	return false
}

// largest returns the kind with most flows of a set that is not empty.
func (a *account) largest(set kindSet) queueID {
	best, most := queueKinds, int64(-1)
	for id := range queueKinds {
		if n, _ := a.kinds[id].load(); set&(1<<id) != 0 && n > most {
			best, most = id, n
		}
	}
	return best
}

// evictionFor says which count of the account has the evicted flow claimed already.
type evictionFor uint8

const (
	forTable evictionFor = iota
	forKind
	forUntracked // none: untracked flows have no account
)

// evictQueue evicts the oldest flow of a queue, of this shard or of another one. a is nil
// for the queues of untracked flows.
func (s *shard) evictQueue(a *account, id queueID, why evictionFor, now Time) bool {
	return s.evictFrom(a, id, why, now) || s.table.others(s, s.table.waitingIn(a, id).Load(),
		func(o *shard) bool { return o.evictFrom(a, id, why, now) })
}

// evictFrom evicts the oldest flow of a queue. It skips flows whose entry lock is
// held.
func (s *shard) evictFrom(a *account, id queueID, why evictionFor, now Time) bool {
	i := s.queue(a, id).oldest
	for range evictTries {
		if i == 0 {
			return false
		}
		f := s.at(i)
		if !f.tryLock() {
			i = f.newer
			continue
		}
		if f.expired(now) {
			s.stats.expired++
		} else {
			s.stats.evicted[id]++
			if id < queueKinds && f.state == StateUnreplied {
				s.stats.unanswered++
			}
		}
		s.unlist(i, f, a, id)
		switch t := s.table; why {
		case forTable:
			t.release(a, id)
		case forKind:
			a.flows.leave(&t.pool)
		case forUntracked:
			t.untracked.Add(-1)
		}
		s.free(i, f)
		return true
	}
	return false
}
