package conntrack

// The limits of the table (aws-semantics T30-T33). The hard limit is never
// exceeded, nor is that of half-open TCP flows. What goes when there is no room,
// in this order: the oldest flow that is half-open or unreplied, then the oldest
// closed one. Established and replied flows never go: the new one is refused.
// "Oldest" is exact within a shard, the new flow's own first.

// reclaimSlice is how many entries an insert into a full table looks at for
// one that has expired.
const reclaimSlice = 8

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

// evictFrom removes the oldest flow of a queue.
func (s *shard) evictFrom(id queueID, now Time) bool {
	i := s.queues[id].oldest
	if i == 0 {
		return false
	}
	f := s.at(i)
	if now.tick() >= f.expires {
		s.stats.expired++
	} else {
		s.stats.evicted[id]++
	}
	s.remove(i, f)
	return true
}

// moved brings the queues in line after a flow changed its state.
func (s *shard) moved(i uint32, f *Flow, was State) {
	from, to := was.queue(), f.state.queue()
	if from != to {
		s.dequeue(f, from)
		s.enqueue(i, f)
		if from == queueHalfOpen {
			s.table.halfOpen.Add(-1)
		}
	}
	switch f.state {
	case StateTimeWait:
		s.stats.closedFIN++
	case StateClose:
		s.stats.closedRST++
	}
}
