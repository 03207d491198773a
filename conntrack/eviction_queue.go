package conntrack

import "math/bits"

// queueID names one of the eviction queues of a shard.
type queueID uint8

// The queues before queueKinds are the kinds of tracked flows that make room for others:
// all but open connections. Of two kinds with as many flows the earlier one does.
const (
	queueQuery     queueID              = iota // ICMP queries, answered or not
	queueDatagram                              // UDP that is no stream
	queueClosed                                // TCP that has ended
	queueHalfOpen                              // TCP that is not established
	queueOther                                 // other protocols
	queueStream                                // UDP streams
	queueRevoked                               // what was revoked: last, and without a share
	queueKinds                                 // how many kinds there are
	queueUntracked = queueKinds                // untracked flows, except those of the next two:
	queueAnswered  = queueUntracked + 1        // answered ones that are not TCP
	queueProven    = queueUntracked + 2        // established connections
	queueCount     = queueUntracked + 3
	queueNone      = queueCount // flows that are never evicted
)

// queue is a list of flows, oldest first, linked through the entries.
type queue struct {
	oldest, newest uint32
}

// enqueue appends the flow to the queue of its state, if it has one.
func (s *shard) enqueue(i uint32, f *Flow) {
	id := f.queue()
	if id == queueNone {
		return
	}
	q := &s.queues[id]
	f.older, f.newer = q.newest, 0
	if q.newest != 0 {
		s.at(q.newest).newer = i
	} else {
		q.oldest = i
		s.table.waiting[id].Or(s.bit)
	}
	q.newest = i
}

// dequeue takes the flow out of the queue id, which it must be in.
func (s *shard) dequeue(f *Flow, id queueID) {
	if id == queueNone {
		return
	}
	q := &s.queues[id]
	if f.older != 0 {
		s.at(f.older).newer = f.newer
	} else {
		q.oldest = f.newer
	}
	if f.newer != 0 {
		s.at(f.newer).older = f.older
	} else {
		q.newest = f.older
	}
	if q.oldest == 0 {
		s.table.waiting[id].And(^s.bit)
	}
}

// others calls try for the shards of a set other than own until one succeeds. It
// begins after own. try is called with the shard's lock held. A locked shard is
// skipped, not waited for, so shards need no lock order.
func (t *Table) others(own *shard, set uint64, try func(*shard) bool) bool {
	at := bits.TrailingZeros64(own.bit)
	set = bits.RotateLeft64(set&^own.bit, -at)
	for ; set != 0; set &= set - 1 {
		s := &t.shards[(at+bits.TrailingZeros64(set))%shardCount]
		if !s.mu.TryLock() {
			continue
		}
		done := try(s)
		s.mu.Unlock()
		if done {
			return true
		}
	}
	return false
}
