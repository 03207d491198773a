package conntrack

// sweepSlice is how many entries are looked at under one hold of a shard's
// lock, some microseconds.
const sweepSlice = 64

// Expire looks at up to budget entries, free ones included, going on where the
// last call ended, and removes the flows whose timers have run out; it returns
// how many. It holds one shard's lock at a time for a bounded slice, and ends
// after one round. While one call runs another returns at once.
// Calling it ten times a second with a tenth of [Table.Slots] removes every
// flow within a second of its end.
func (t *Table) Expire(now Time, budget int) (removed int) {
	if !t.sweeping.TryLock() {
		return 0
	}
	defer t.sweeping.Unlock()
	for range len(t.shards) + 1 { // the first shard may be met in its middle
		s := &t.shards[t.sweepShard]
		for end := false; !end; {
			if budget <= 0 {
				return removed
			}
			n := min(budget, sweepSlice)
			s.mu.Lock()
			looked, gone, _ := s.sweepOn(now, n)
			end = s.sweep == 1
			s.mu.Unlock()
			budget -= max(1, looked)
			removed += gone
		}
		t.sweepShard = (t.sweepShard + 1) % len(t.shards)
	}
	return removed
}

// Shorten lets the flow that [Table.Range] showed live no longer than its idle timer
// from now on, and reports whether it would have lived longer. A flow that was
// revoked keeps its time.
func (t *Table) Shorten(f *FlowInfo, tmo *Timeouts, now Time) bool {
	if f.State == StateRevoked || f.Expires <= now.deadline(tmo.timer(f.Class, f.State)).time() {
		return false
	}
	e := t.Lock(&f.Tuple, now)
	defer e.Unlock()
	live := e.flow
	if live == nil || live.state == StateRevoked {
		return false
	}
	end := now.deadline(tmo.timer(live.class, live.state))
	if live.deadline() <= end {
		return false
	}
	live.setDeadline(end)
	return true
}

// Slots returns the number of entries that a complete round of [Table.Expire]
// looks at.
func (t *Table) Slots() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += max(1, s.slots())
		s.mu.Unlock()
	}
	return n
}

// sweepOn looks at the next n entries and stops at the last one, where the next
// round begins. tracked is how many of the removed flows were.
func (s *shard) sweepOn(now Time, n int) (looked, removed, tracked int) {
	i := s.sweep
	for ; looked < n && i < s.end(); looked++ {
		if f := s.at(i); f.deadline() != 0 && f.expired(now) && f.tryLock() {
			if f.expired(now) { // still: another clock may be a little behind
				if !f.Untracked() {
					tracked++
				}
				s.expire(i, f)
				removed++
			} else {
				f.unlock()
			}
		}
		i = following(i)
	}
	if i >= s.end() {
		i = 1
	}
	s.sweep = i
	return looked, removed, tracked
}

// reclaim is a slice of expiry for an insert that needs room. It returns how many
// places became free.
func (s *shard) reclaim(now Time, n int) (free int) {
	_, _, free = s.sweepOn(now, n)
	return free
}

// expire removes a flow whose timer has run out. The caller holds the
// entry lock.
func (s *shard) expire(i uint32, f *Flow) {
	s.stats.expired++
	s.remove(i, f)
}
