package conntrack

// sweepSlice is how many entries are examined while a shard's lock is held, which
// takes some microseconds.
const sweepSlice = 64

// Expire removes flows whose timers have run out and returns how many. It examines
// up to budget entries, free ones included, and continues where the last call
// ended. It stops after one round through the table. It holds one shard's lock at a
// time, for a bounded slice. A call returns at once while another one runs.
//
// Called ten times a second with a tenth of [Table.Slots], it removes every flow
// within a second of its expiry.
func (t *Table) Expire(now Time, budget int) (removed int) {
	if !t.sweeping.TryLock() {
		return 0
	}
	defer t.sweeping.Unlock()
	if t.unsettled.Load() {
		t.sharing.Lock()
		t.settle()
		t.sharing.Unlock()
	}
	for range len(t.shards) + 1 { // the last call may have ended within a shard
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

// Shorten applies a shorter idle timer to a flow that [Table.Range] returned: it
// lives no longer than that timer from now on. It reports whether the flow would
// have lived longer. A revoked flow keeps its deadline.
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
	end := now.deadline(live.idle(tmo))
	if live.deadline() <= end {
		return false
	}
	live.setDeadline(end)
	return true
}

// Slots returns the number of entries that a complete round of [Table.Expire]
// examines.
func (t *Table) Slots() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += max(1, s.slots())
		s.mu.Unlock()
	}
	return n
}

// sweepOn examines the next n entries. It stops after the last entry, where the next
// round begins. tracked is how many of the removed flows were tracked ones.
func (s *shard) sweepOn(now Time, n int) (looked, removed, tracked int) {
	i := s.sweep
	for ; looked < n && i < s.end(); looked++ {
		if f := s.at(i); f.deadline() != 0 && f.expired(now) && f.tryLock() {
			if f.expired(now) { // still: its worker may have refreshed it before the lock
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

// reclaim examines n entries for an insert that needs room. It returns how many
// tracked flows it removed.
func (s *shard) reclaim(now Time, n int) (free int) {
	_, _, free = s.sweepOn(now, n)
	return free
}

// expire removes a flow whose timer has run out. The caller holds the entry lock.
func (s *shard) expire(i uint32, f *Flow) {
	s.stats.expired++
	s.remove(i, f)
}
