package conntrack

// Adoption is a flow that began unseen, and of which something other than its packets proves
// that it exists: this machine's own socket, or the kernel's connection tracking.
type Adoption struct {
	// Class is ClassTCP or ClassUDP.
	Class  Class
	Opener Direction
	// State is StateEstablished or StateCloseWait of TCP, StateReplied or StateStream of UDP.
	State State
	// Ended is the side whose FIN is acknowledged, in StateCloseWait.
	Ended Direction
	// Untracked: rules decide about each packet of the flow, see [Entry.InsertUntracked].
	Untracked bool
	// Rule is the value that [Entry.Insert] would be given.
	Rule uint32
}

// AdoptResult is the result of [Entry.Adopt]. The zero value is Adopted.
type AdoptResult uint8

const (
	// Adopted: the flow is in the table.
	Adopted AdoptResult = iota
	// AdoptKnown: a live flow with the tuple is there already, and stays as it is.
	AdoptKnown
	// AdoptFull: there is no room. What is there makes none for a flow that nobody has seen.
	AdoptFull
)

// Adopt stores a flow that is known to exist. A connection that has ended is replaced, any
// other live flow of the tuple wins, a revoked one included.
//
// Nothing is known of the numbers of its segments, so a connection is treated as one that was
// carried: what ends it needs the proof of [Entry.Offload]. It has the timers of its state
// from now on, and no packet is counted yet.
func (e *Entry) Adopt(a *Adoption, tmo *Timeouts, now Time) AdoptResult {
	if e.flow != nil && !e.flow.state.Closed() {
		return AdoptKnown
	}
	e.lockShard()
	sh := e.shard
	if e.flow != nil {
		sh.remove(e.index, e.flow)
		e.flow = nil
	}
	fresh := Flow{class: a.Class, state: a.State, flags: flowFlags(a.Opener)&flagEgress |
		flagAdopted}
	if a.Class == ClassTCP {
		fresh.flags |= flagOffloaded
	}
	if a.State == StateCloseWait {
		fresh.flags |= (flagFIN | flagFINAcked) << a.Ended
	}
	if a.Untracked {
		fresh.flags |= flagUntracked
	}
	at := sh.table.account(e.key.Scope())
	if !sh.admitAdopted(at, fresh.queue()) {
		return AdoptFull
	}
	i, f := sh.add(sh.table.hash.hash(e.key), e.key, 0)
	e.index, e.flow = i, f
	f.class, f.state, f.flags, f.rule = fresh.class, fresh.state, fresh.flags, a.Rule
	f.half, f.claim = [2]half{}, 0
	f.created = now.tick()
	f.clearCounts()
	f.setDeadline(now.deadline(f.idle(tmo)))
	sh.enqueue(i, f, at)
	sh.table.adopted.Add(1)
	return Adopted
}

// admitAdopted counts one more flow of a queue, if there is room without an eviction.
func (s *shard) admitAdopted(a *account, id queueID) bool {
	t := s.table
	if id < queueNone && id >= queueKinds { // untracked
		if t.untracked.Add(1) <= t.maxUntracked {
			return true
		}
		t.untracked.Add(-1)
		return false
	}
	if id < queueKinds && !a.kinds[id].join(&t.kinds[id]) {
		t.retract(&a.kinds[id], &t.kinds[id])
		return false
	}
	if a.flows.join(&t.pool) {
		return true
	}
	t.retract(&a.flows, &t.pool)
	t.release(a, id)
	return false
}
