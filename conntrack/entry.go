package conntrack

// Entry is the place of one tuple in the table, locked. It holds the tuple's live
// flow, if there is one. The caller must call Unlock. The zero Entry is not usable.
type Entry struct {
	shard *shard
	flow  *Flow
	key   *Tuple
	index uint32
	// shardLocked: the shard's lock is held. With a flow the entry lock is held, too,
	// so one of the two is always held.
	shardLocked bool
}

// Flow returns the live flow of the tuple, or nil.
func (e *Entry) Flow() *Flow { return e.flow }

// Unlock releases the entry. Neither it nor its Flow may be used afterwards.
func (e *Entry) Unlock() {
	if e.shardLocked {
		e.unlockShard()
		return
	}
	e.flow.unlock()
}

// unlockShard is Unlock where the shard's lock is held. It is apart so that Unlock
// of an established flow is inlined.
func (e *Entry) unlockShard() {
	if e.flow != nil {
		e.flow.unlock()
	}
	e.shard.mu.Unlock()
}

// lockShard takes the shard's lock, if it is not held yet, until Unlock.
func (e *Entry) lockShard() {
	if !e.shardLocked {
		e.shard.mu.Lock()
		e.shardLocked = true
	}
}

// Update applies a packet that passed to the flow; o is what [Flow.Assess] returned.
// Without a live flow it does nothing.
func (e *Entry) Update(p *PacketMeta, o Outcome, tmo *Timeouts, now Time) {
	f := e.flow
	if f == nil {
		return
	}
	if o != OutcomeMember {
		e.claim(p, o)
		return
	}
	if f.state == StateEstablished && p.TCP.Flags&(SYN|RST) == 0 { // nearly all packets
		f.stepData(p.Dir, &p.TCP)
		f.count(p)
		d := tmo.Established
		if f.state != StateEstablished {
			e.moved(StateEstablished, now)
			d = tmo.timer(ClassTCP, f.state)
		}
		f.setDeadline(now.deadline(f.acknowledgedOrLess(d)))
		return
	}
	was, refresh := f.state, true
	switch f.class {
	case ClassTCP:
		if f.provesSYN(p.Dir, &p.TCP) {
			e.restart(p, tmo, now)
			return
		}
		refresh = f.stepTCP(p.Dir, &p.TCP)
	case ClassUDP:
		f.stepUDP(p.Dir)
	default:
		f.stepReply(p.Dir)
	}
	f.count(p)
	if f.state != was {
		e.moved(was, now)
		refresh = true
	}
	if refresh {
		f.setDeadline(now.deadline(f.idle(tmo)))
	}
}

// claim notes what a packet that the rules let pass says about the flow.
func (e *Entry) claim(p *PacketMeta, o Outcome) {
	f := e.flow
	if o == OutcomeRules && f.class == ClassTCP && p.Class == ClassTCP && !f.Untracked() &&
		p.TCP.Flags.possible() && p.TCP.Flags&(SYN|ACK) == SYN {
		f.claimSYN(p.Dir, &p.TCP)
	}
}

// InsertResult is the result of [Entry.Insert].
type InsertResult uint8

const (
	// Inserted: the flow is in the table.
	Inserted InsertResult = iota
	// NotTracked: a packet of this kind opens no flow, see [Opens]. It may pass; the
	// table is unchanged.
	NotTracked
	// TableFull: the limits leave no room (T30, T33). The packet must not pass.
	TableFull
)

// Insert opens a flow with a packet that the rules permitted; rule is the
// caller's. A flow that is there already is replaced. After Inserted, Flow returns
// the new flow.
func (e *Entry) Insert(p *PacketMeta, rule uint32, tmo *Timeouts, now Time) InsertResult {
	if !Opens(p) {
		return NotTracked
	}
	e.lockShard()
	sh, f, kind := e.shard, e.flow, p.Class.opens()
	a, was, untold := sh.table.account(e.key.Scope()), queueNone, flowFlags(0)
	if f != nil {
		was, untold = f.queue(), f.untold()
	}
	switch {
	case f != nil && was == kind: // the count stays
	case f != nil && !f.Untracked():
		if !sh.admitKind(a, kind, now) {
			sh.stats.refused++
			return TableFull
		}
		sh.table.release(a, was)
	case !sh.admit(a, kind, now):
		sh.stats.refused++
		return TableFull
	}
	if f != nil {
		sh.stats.replaced++
	}
	if f != nil && !f.Untracked() {
		sh.dequeue(f, a, was)
	} else {
		if f != nil {
			sh.remove(e.index, f)
		}
		e.index, f = sh.add(sh.table.hash.hash(e.key), e.key, p.Lane)
		e.flow = f
	}
	f.open(p, rule, now)
	f.flags |= untold
	f.setDeadline(now.deadline(f.idle(tmo)))
	sh.enqueue(e.index, f, a)
	sh.stats.inserted++
	return Inserted
}

// restart replaces the flow by the connection that a SYN-ACK proved. Where the
// half-open limit leaves no room the old flow stays.
func (e *Entry) restart(p *PacketMeta, tmo *Timeouts, now Time) {
	e.lockShard()
	sh, f := e.shard, e.flow
	a, was := sh.table.account(e.key.Scope()), f.queue()
	if was != queueHalfOpen {
		if !sh.admitKind(a, queueHalfOpen, now) {
			return
		}
		sh.table.release(a, was)
	}
	sh.dequeue(f, a, was)
	f.restart(p.Dir, &p.TCP)
	f.created = now.tick()
	f.clearCounts()
	f.count(p)
	f.setDeadline(now.deadline(f.idle(tmo)))
	sh.enqueue(e.index, f, a)
	sh.stats.restarted++
}

// moved updates eviction queues and counters after the flow left the state was.
func (e *Entry) moved(was State, now Time) {
	f := e.flow
	from, to := f.queueIn(was), f.queue()
	if from == to {
		return
	}
	e.lockShard()
	s := e.shard
	a := s.table.account(e.key.Scope())
	s.dequeue(f, a, from)
	s.enqueue(e.index, f, a)
	s.table.release(a, from)
	s.joined(a, to, now)
	if f.Untracked() {
		return
	}
	switch f.state {
	case StateTimeWait:
		s.stats.closedFIN++
	case StateClose:
		s.stats.closedRST++
	}
}
