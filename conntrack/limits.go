package conntrack

// The limits of the table (T30-T33). The hard limit is never
// exceeded, nor is that of half-open TCP flows. What goes when there is no room,
// in this order: the oldest flow that is half-open or unreplied, then the oldest
// closed one. Established and replied flows never go: the new one is refused.
// "Oldest" is exact within a shard, the new flow's own first.

// reclaimSlice is how many entries an insert into a full table looks at for
// one that has expired.
const reclaimSlice = 8

// evictTries is more flows than there are processors to work on them.
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
	if s.evictFrom(queueHalfOpen, now) ||
		t.others(s, t.waiting[queueHalfOpen].Load(), func(o *shard) bool { return o.evictFrom(queueHalfOpen, now) }) {
		return true
	}
	t.halfOpen.Add(-1)
	return false
}

// evict removes one flow in the order of the limits.
func (s *shard) evict(now Time) bool {
	t := s.table
	if s.evictWeak(now) || t.others(s, t.waiting[queueHalfOpen].Load()|t.waiting[queueUnreplied].Load(),
		func(o *shard) bool { return o.evictWeak(now) }) {
		return true
	}
	return s.evictFrom(queueClosed, now) || t.others(s, t.waiting[queueClosed].Load(),
		func(o *shard) bool { return o.evictFrom(queueClosed, now) })
}

// evictWeak removes the shard's oldest half-open or unreplied flow; of two that
// opened in the same tick the half-open one.
func (s *shard) evictWeak(now Time) bool {
	id := queueHalfOpen
	if h, u := s.queues[queueHalfOpen].oldest, s.queues[queueUnreplied].oldest; h == 0 ||
		u != 0 && s.at(u).created < s.at(h).created {
		id = queueUnreplied
	}
	return s.evictFrom(id, now)
}

// evictFrom removes the oldest flow of a queue, or the oldest of the next few
// that nobody works on at the moment.
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
