package conntrack

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
// Neither the limit of flows nor that of half-open ones is ever exceeded. Another kind
// exceeds its share only while flows that change their kind find the oldest of it in
// use. "Oldest" is exact within a shard. The new flow's own shard is tried first.

// reclaimSlice is how many entries an insert into a full table examines for one that
// has expired.
const reclaimSlice = 8

// evictTries bounds the search for a flow to evict that no worker has locked. It is
// meant to exceed the number of workers.
const evictTries = 16

// admit makes room for one more flow of a kind and counts it.
func (s *shard) admit(id queueID, now Time) bool {
	t := s.table
	if !s.admitKind(id, now) {
		return false
	}
	if t.flows.Add(1) <= t.maxFlows || s.reclaim(now, reclaimSlice) > 0 || s.evict(now) {
		return true
	}
	t.flows.Add(-1)
	t.release(id)
	return false
}

// admitKind makes room for one more flow within the share of its kind and counts it.
func (s *shard) admitKind(id queueID, now Time) bool {
	t := s.table
	if t.kinds[id].Add(1) <= t.share[id] || s.evictKind(id, now) {
		return true
	}
	t.kinds[id].Add(-1)
	return false
}

// joined counts a flow that has changed its kind, and has the oldest of its new kind
// make room beyond the share.
func (s *shard) joined(id queueID, now Time) {
	if t := s.table; id < queueKinds && t.kinds[id].Add(1) > t.share[id] {
		s.evictKind(id, now)
	}
}

// release counts one flow less of a kind, if the queue is that of a kind.
func (t *Table) release(id queueID) {
	if id < queueKinds {
		t.kinds[id].Add(-1)
	}
}

// evict evicts one flow: of the kind with most flows, or else of the next one.
func (s *shard) evict(now Time) bool {
	t := s.table
	for left := t.evictable(); left != 0; {
		// What was revoked would go on without its entry.
		set := left &^ (1 << queueRevoked)
		if set == 0 {
			set = left
		}
		id := t.largest(set)
		if s.evictKind(id, now) {
			return true
		}
		left &^= 1 << id
	}
	return false
}

// evictable returns the kinds that have flows, as a set of bits.
func (t *Table) evictable() (set uint) {
	for id := range queueKinds {
		if t.waiting[id].Load() != 0 {
			set |= 1 << id
		}
	}
	return set
}

// largest returns the kind with most flows of a set.
func (t *Table) largest(set uint) queueID {
	best, most := queueKinds, int64(-1)
	for id := range queueKinds {
		if n := t.kinds[id].Load(); set&(1<<id) != 0 && n > most {
			best, most = id, n
		}
	}
	return best
}

// evictKind evicts the oldest flow of a queue, of this shard or of another one.
func (s *shard) evictKind(id queueID, now Time) bool {
	return s.evictFrom(id, now) || s.table.others(s, s.table.waiting[id].Load(),
		func(o *shard) bool { return o.evictFrom(id, now) })
}

// evictFrom evicts the oldest flow of a queue. It skips flows whose entry lock is
// held.
func (s *shard) evictFrom(id queueID, now Time) bool {
	i := s.queues[id].oldest
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
		s.remove(i, f)
		return true
	}
	return false
}
