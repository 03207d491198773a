package conntrack

// InsertUntracked stores an untracked flow, opened by a packet that the rules permitted
// (T2); rule is the caller's. A flow of the tuple that is there already is replaced.
//
// The state of an untracked flow is followed like that of others: it appears in lists,
// and ICMP errors are related to it. But the caller consults the rules about each of its
// packets (T6), for which it needs to know who opened the flow.
//
// Untracked flows take no room from tracked ones (T32): they have a limit of their own.
// At the limit the oldest unanswered one is evicted, then the oldest answered one, and
// an established connection last. That order matters once a connection has lost its
// rule. Were its entry evicted by a flood from arbitrary addresses, the next packet of
// its server would open a tracked flow. If nothing can be evicted, the flow is not
// stored.
func (e *Entry) InsertUntracked(p *PacketMeta, rule uint32, tmo *Timeouts, now Time) {
	if !Opens(p) {
		return
	}
	e.lockShard()
	sh, untold := e.shard, flowFlags(0)
	if e.flow != nil {
		untold = e.flow.untold()
		sh.remove(e.index, e.flow)
		e.flow = nil
	}
	if !sh.admitUntracked(now) {
		return
	}
	i, f := sh.add(sh.table.hash.hash(e.key), e.key, p.Lane)
	e.index, e.flow = i, f
	f.open(p, rule, now)
	f.flags |= flagUntracked | untold
	f.setDeadline(now.deadline(f.idle(tmo)))
	sh.enqueue(i, f, nil)
	sh.stats.untracked++
}

// admitUntracked makes room for one more untracked flow and counts it.
func (s *shard) admitUntracked(now Time) bool {
	t := s.table
	if t.untracked.Add(1) <= t.maxUntracked {
		return true
	}
	for _, id := range [...]queueID{queueUntracked, queueAnswered, queueProven} {
		if s.evictQueue(nil, id, forUntracked, now) {
			return true
		}
	}
	t.untracked.Add(-1)
	return false
}
