package conntrack

import (
	"math/bits"
	"sync/atomic"
)

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

// number is the shard's place among all.
func (s *shard) number() int { return bits.TrailingZeros64(s.bit) }

// queue returns a queue of the shard: that of a scope for a kind, one for all scopes
// otherwise.
func (s *shard) queue(a *account, id queueID) *queue {
	if id < queueKinds {
		return &a.queues[s.number()].of[id]
	}
	return &s.untracked[id-queueKinds]
}

// waitingIn returns the word that says in which shards a queue is not empty.
func (t *Table) waitingIn(a *account, id queueID) *atomic.Uint64 {
	if id < queueKinds {
		return &a.waiting[id]
	}
	return &t.waiting[id-queueKinds]
}

// enqueue appends the flow to the queue of its state, if it has one. a is its scope's.
func (s *shard) enqueue(i uint32, f *Flow, a *account) {
	id := f.queue()
	if id == queueNone {
		return
	}
	q := s.queue(a, id)
	f.older, f.newer = q.newest, 0
	if q.newest != 0 {
		s.at(q.newest).newer = i
	} else {
		q.oldest = i
		s.table.waitingIn(a, id).Or(s.bit)
	}
	q.newest = i
}

// dequeue takes the flow out of the queue id, which it must be in.
func (s *shard) dequeue(f *Flow, a *account, id queueID) {
	if id == queueNone {
		return
	}
	q := s.queue(a, id)
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
		s.table.waitingIn(a, id).And(^s.bit)
	}
}

// others calls try for the shards of a set other than own until one succeeds. It
// begins after own. try is called with the shard's lock held. A locked shard is
// skipped, not waited for, so shards need no lock order.
func (t *Table) others(own *shard, set uint64, try func(*shard) bool) bool {
	at := own.number()
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
