package conntrack

// InsertUntracked remembers a flow that is not tracked, begun by a packet that
// the rules permitted (T2); rule is the caller's. It takes the place
// of the tuple's flow, if there is one.
//
// Such a flow is followed like others, for those who list flows or relate ICMP
// errors to them, but the caller asks the rules about each of its packets (T6):
// what it needs to know is who opened it. It takes no room from tracked flows
// (T32): the table holds so many untracked ones besides, and the oldest goes when
// there are more. Those that are answered go after those that are not, established
// connections last: a stranger who sends from any address could otherwise have one
// forgotten that has lost its rule, and the next packet of its server would open a
// tracked one. Where nothing can go the flow is not remembered.
func (e *Entry) InsertUntracked(p *PacketMeta, rule uint32, tmo *Timeouts, now Time) {
	if !Opens(p) {
		return
	}
	e.lockShard()
	sh := e.shard
	if e.flow != nil {
		sh.remove(e.index, e.flow)
		e.flow = nil
	}
	if !sh.admitUntracked(now) {
		return
	}
	i, f := sh.add(sh.table.hash.hash(e.key), e.key, p.Lane)
	e.index, e.flow = i, f
	f.open(p, rule, now)
	f.flags |= flagUntracked
	f.setDeadline(now.deadline(tmo.timer(f.class, f.state)))
	sh.enqueue(i, f)
	sh.stats.untracked++
}

// admitUntracked makes room for one more untracked flow and counts it.
func (s *shard) admitUntracked(now Time) bool {
	t := s.table
	if t.untracked.Add(1) <= t.maxUntracked {
		return true
	}
	for _, id := range [...]queueID{queueUntracked, queueAnswered, queueProven} {
		if s.evictFrom(id, now) || t.others(s, t.waiting[id].Load(), func(o *shard) bool { return o.evictFrom(id, now) }) {
			return true
		}
	}
	t.untracked.Add(-1)
	return false
}
