package conntrack

// This file keeps the limits of the table (T30-T33). Neither the limit of flows nor
// that of half-open TCP flows is ever exceeded. An insert into a full table evicts
// in this order: the oldest flow that is half-open or unreplied, then the oldest
// closed one. Established and replied flows are never evicted; the new flow is
// refused instead. "Oldest" is exact within a shard. The new flow's own shard is
// tried first.

// reclaimSlice is how many entries an insert into a full table examines for one that
// has expired.
const reclaimSlice = 8

// evictTries bounds the search for a flow to evict that no worker has locked. It is
// meant to exceed the number of workers.
const evictTries = 16

// admit makes room for one more flow and counts it.
func (s *shard) admit(halfOpen bool, now Time) bool {
	t := s.table
	if halfOpen && !s.admitHalfOpen(now) {
		return false
	}
	if t.flows.Add(1) <= t.maxFlows || s.reclaim(now, reclaimSlice) > 0 || s.evict(now) {
		return true
	}
	t.flows.Add(-1)
	if halfOpen {
		t.halfOpen.Add(-1)
	}
	return false
}

// admitHalfOpen makes room for one more half-open flow and counts it.
func (s *shard) admitHalfOpen(now Time) bool {
	t := s.table
	if t.halfOpen.Add(1) <= t.maxHalfOpen {
		return true
	}
	if s.evictFrom(queueHalfOpen, now) || t.others(s, t.waiting[queueHalfOpen].Load(),
		func(o *shard) bool { return o.evictFrom(queueHalfOpen, now) }) {
		return true
	}
	t.halfOpen.Add(-1)
	return false
}

// evict evicts one flow, in the order that the top of this file gives.
func (s *shard) evict(now Time) bool {
	t := s.table
	if s.evictWeak(now) {
		return true
	}
	weak := t.waiting[queueHalfOpen].Load() | t.waiting[queueUnreplied].Load()
	if t.others(s, weak, func(o *shard) bool { return o.evictWeak(now) }) {
		return true
	}
	return s.evictFrom(queueClosed, now) || t.others(s, t.waiting[queueClosed].Load(),
		func(o *shard) bool { return o.evictFrom(queueClosed, now) })
}

// evictWeak evicts the shard's oldest half-open or unreplied flow. Of two that were
// opened in the same tick it takes the half-open one.
func (s *shard) evictWeak(now Time) bool {
	id := queueHalfOpen
	if h, u := s.queues[queueHalfOpen].oldest, s.queues[queueUnreplied].oldest; h == 0 ||
		u != 0 && s.at(u).created < s.at(h).created {
		id = queueUnreplied
	}
	return s.evictFrom(id, now)
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
		}
		s.remove(i, f)
		return true
	}
	return false
}
