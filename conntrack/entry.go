package conntrack

// Cell is the locked place of one tuple. It is a value; Unlock must follow. The
// zero Cell is not usable.
type Cell struct {
	shard *shard
	flow  *Flow
	key   *Tuple
	index uint32
	// exclusive: the cell holds the shard's lock. With a flow it holds its gate;
	// one of the two it always holds.
	exclusive bool
}

// Flow returns the live flow of the cell's tuple, or nil.
func (c *Cell) Flow() *Flow { return c.flow }

// Unlock releases the cell. Nothing of it, nor its Flow, may be used after.
func (c *Cell) Unlock() {
	if c.exclusive {
		c.unlockShard()
		return
	}
	c.flow.release()
}

// unlockShard is Unlock of a cell that holds the shard's lock, and with a flow
// its gate.
func (c *Cell) unlockShard() {
	if c.flow != nil {
		c.flow.release()
	}
	c.shard.mu.Unlock()
}

// lockShard takes the shard's lock until Unlock.
func (c *Cell) lockShard() {
	if !c.exclusive {
		c.shard.mu.Lock()
		c.exclusive = true
	}
}

// Update applies a packet that passed, with the Outcome that the flow gave it.
// Without a live flow it does nothing.
func (c *Cell) Update(s *Sample, o Outcome, tmo *Timeouts, now Time) {
	f := c.flow
	if f == nil {
		return
	}
	if o != OutcomeMember {
		c.claim(s, o)
		return
	}
	if f.state == StateEstablished && s.TCP.Flags&(SYN|RST) == 0 { // nearly all
		f.stepData(s.Dir, &s.TCP)
		f.count(s)
		if f.state != StateEstablished {
			c.moved(StateEstablished)
		}
		f.setDeadline(now.deadline(tmo.timer(ClassTCP, f.state)))
		return
	}
	was, refresh := f.state, true
	switch f.class {
	case ClassTCP:
		if f.provesSYN(s.Dir, &s.TCP) {
			c.restart(s, tmo, now)
			return
		}
		refresh = f.stepTCP(s.Dir, &s.TCP)
	case ClassUDP:
		f.stepUDP(s.Dir)
	default:
		f.stepReply(s.Dir)
	}
	f.count(s)
	if f.state != was {
		c.moved(was)
		refresh = true
	}
	if refresh {
		f.setDeadline(now.deadline(tmo.timer(f.class, f.state)))
	}
}

// claim notes what a packet that passed by the rules says about the cell's flow.
func (c *Cell) claim(s *Sample, o Outcome) {
	f := c.flow
	if o == OutcomeRules && f.class == ClassTCP && s.Class == ClassTCP && !f.Untracked() &&
		s.TCP.Flags.possible() && s.TCP.Flags&(SYN|ACK) == SYN {
		f.claimSYN(s.Dir, &s.TCP)
	}
}

// InsertResult says what became of a new flow.
type InsertResult uint8

const (
	// Inserted: the flow is in the table.
	Inserted InsertResult = iota
	// NotTracked: the packet is not of a kind that opens a flow, see [Opens].
	// It may pass; the table is unchanged.
	NotTracked
	// TableFull: the limits leave no room (aws-semantics T30, T33). The packet must not pass.
	TableFull
)

// Insert opens a flow with a packet that the rules permitted; rule is the
// caller's. It takes the place of the cell's flow, if there is one. After
// Inserted, Flow returns the new flow.
func (c *Cell) Insert(s *Sample, rule uint32, tmo *Timeouts, now Time) InsertResult {
	if !Opens(s) {
		return NotTracked
	}
	c.lockShard()
	sh := c.shard
	f := c.flow
	halfOpen := s.Class == ClassTCP
	switch {
	case f != nil && f.Untracked():
		if !sh.admit(halfOpen, now) {
			sh.stats.refused++
			return TableFull
		}
		sh.remove(c.index, f)
		c.index, f = sh.add(sh.table.hash.hash(c.key), c.key, s.Lane)
		c.flow = f
		sh.stats.replaced++
	case f != nil:
		was := f.state.queue()
		if halfOpen && was != queueHalfOpen && !sh.admitHalfOpen(now) {
			sh.stats.refused++
			return TableFull
		}
		sh.dequeue(f, was)
		if !halfOpen && was == queueHalfOpen {
			sh.table.halfOpen.Add(-1)
		}
		sh.stats.replaced++
	default:
		if !sh.admit(halfOpen, now) {
			sh.stats.refused++
			return TableFull
		}
		c.index, f = sh.add(sh.table.hash.hash(c.key), c.key, s.Lane)
		c.flow = f
	}
	f.open(s, rule, now)
	f.setDeadline(now.deadline(tmo.timer(f.class, f.state)))
	sh.enqueue(c.index, f)
	sh.stats.inserted++
	return Inserted
}

// restart puts the connection that a SYN-ACK proved in the place of the one
// that the cell holds. Where the half-open limit has no room the old one stays.
func (c *Cell) restart(s *Sample, tmo *Timeouts, now Time) {
	c.lockShard()
	sh, f := c.shard, c.flow
	was := f.state.queue()
	if was != queueHalfOpen && !sh.admitHalfOpen(now) {
		return
	}
	sh.dequeue(f, was)
	f.restart(s.Dir, &s.TCP)
	f.created = now.tick()
	f.clearCounts()
	f.count(s)
	f.setDeadline(now.deadline(tmo.timer(f.class, f.state)))
	sh.enqueue(c.index, f)
	sh.stats.restarted++
}

// moved brings queue and counters in line after the flow changed its state.
func (c *Cell) moved(was State) {
	f := c.flow
	from, to := f.queueIn(was), f.queue()
	if from == to {
		return
	}
	c.lockShard()
	s := c.shard
	s.dequeue(f, from)
	s.enqueue(c.index, f)
	if from == queueHalfOpen {
		s.table.halfOpen.Add(-1)
	}
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
