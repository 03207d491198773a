package conntrack

// counters are a shard's events; its lock guards them.
type counters struct {
	inserted  uint64
	untracked uint64
	replaced  uint64
	restarted uint64
	expired   uint64
	deleted   uint64
	revoked   uint64
	refused   uint64
	closedFIN uint64
	closedRST uint64
	evicted   [queueCount]uint64
	// unanswered counts those among the evicted that are no TCP and had no answer.
	unanswered uint64
}

// Stats are the table's limits and levels, and what happened since it was made.
type Stats struct {
	// MaxFlows and MaxHalfOpen are the limits.
	MaxFlows, MaxHalfOpen int
	// Flows and HalfOpen are the levels. MaxFlows-Flows is what AWS calls
	// conntrack_allowance_available (T31).
	Flows, HalfOpen int
	// States divides Flows by what they are.
	States States
	// MaxUntracked and Untracked are limit and level of untracked flows, which Flows
	// does not count.
	MaxUntracked, Untracked int

	// Inserted counts new tracked flows, Replaced those among them that took the
	// place of an ended or untracked flow with the same tuple.
	Inserted, Replaced uint64
	// Adopted counts flows of [Entry.Adopt], tracked or not, which Inserted does not have.
	Adopted uint64
	// InsertedUntracked counts new untracked flows, EvictedUntracked those that were
	// evicted for other untracked flows.
	InsertedUntracked, EvictedUntracked uint64
	// Restarted counts connections that replaced a live flow with the same tuple: a
	// SYN-ACK proved that the peer had accepted a new SYN.
	Restarted uint64
	// Expired counts flows removed because their timer ran out, Deleted those
	// removed by [Table.Delete].
	Expired, Deleted uint64
	// Revoked counts flows ended by [Table.Revoke].
	Revoked uint64
	// EvictedHalfOpen, EvictedUnreplied, EvictedAnswered and EvictedClosed count flows
	// that were evicted for new ones. Those in the middle are no TCP.
	EvictedHalfOpen, EvictedUnreplied, EvictedAnswered, EvictedClosed uint64
	// RefusedFull counts new flows for which there was no room, which is AWS's
	// conntrack_allowance_exceeded.
	RefusedFull uint64
	// ClosedFIN and ClosedRST count connections that ended.
	ClosedFIN, ClosedRST uint64
}

// Stats returns the counters. The shards are read one after another.
func (t *Table) Stats() Stats {
	st := Stats{
		MaxFlows:     int(t.pool.limit),
		MaxHalfOpen:  int(t.kinds[queueHalfOpen].limit),
		MaxUntracked: int(t.maxUntracked),
	}
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		c := s.stats
		s.mu.Unlock()
		st.Inserted += c.inserted
		st.Replaced += c.replaced
		st.InsertedUntracked += c.untracked
		st.EvictedUntracked +=
			c.evicted[queueUntracked] + c.evicted[queueAnswered] + c.evicted[queueProven]
		st.Restarted += c.restarted
		st.Expired += c.expired
		st.Deleted += c.deleted
		st.Revoked += c.revoked
		st.EvictedHalfOpen += c.evicted[queueHalfOpen]
		st.EvictedUnreplied += c.unanswered
		for _, id := range [...]queueID{queueQuery, queueDatagram, queueOther, queueStream} {
			st.EvictedAnswered += c.evicted[id]
		}
		st.EvictedAnswered -= c.unanswered
		st.EvictedClosed += c.evicted[queueClosed] + c.evicted[queueRevoked]
		st.RefusedFull += c.refused
		st.ClosedFIN += c.closedFIN
		st.ClosedRST += c.closedRST
	}
	st.Adopted = t.adopted.Load()
	st.Flows = t.Len()
	st.Untracked = t.Untracked()
	st.States = t.states()
	st.HalfOpen = int(min(int64(st.States.HalfOpen), t.kinds[queueHalfOpen].limit))
	return st
}

// States are tracked flows by what they are. While flows come and go the numbers may be of
// moments that differ a little.
type States struct {
	// Open are TCP connections that are established, also while they end. HalfOpen ones are
	// not yet, and Closed ones have ended.
	Open, HalfOpen, Closed int
	// Datagrams are flows of UDP, and Streams those with more than one question and answer.
	Datagrams, Streams int
	// Queries are those of ICMP, Others those of other protocols.
	Queries, Others int
	// Revoked are flows that were ended by order.
	Revoked int
}

// states adds up the accounts of all scopes. It looks at no flow.
func (t *Table) states() States {
	var of [queueKinds]int
	all := 0
	for id := range of {
		of[id] = int(t.sum(func(a *account) *portion { return &a.kinds[id] }))
		all += of[id]
	}
	return States{
		Open:     max(0, t.Len()-all),
		HalfOpen: of[queueHalfOpen], Closed: of[queueClosed],
		Datagrams: of[queueDatagram], Streams: of[queueStream],
		Queries: of[queueQuery], Others: of[queueOther], Revoked: of[queueRevoked],
	}
}
