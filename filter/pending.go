package filter

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"sgfw/conntrack"
	"sgfw/policy"
)

const (
	// pendingBuckets and pendingWays are how many requests are remembered: 64 Ki in
	// 512 KiB. In a full bucket the oldest makes room, so a new request always finds
	// it, whatever the flow table holds.
	pendingBuckets = 1 << 14
	pendingWays    = 4
	// connectionTime is how long after the last segment to an exempt service its
	// segments pass: TCP itself refuses those that it does not expect.
	connectionTime = time.Hour
)

// request stands for an exchange with an exempt service; 0 is none.
type request uint64

// pendingRequests remembers requests to exempt services, so that only their answers
// come back. It is no flow table: AWS does not track these exchanges, so they must
// neither fill the table nor fail when it is full. Requests expire by themselves and
// may be forgotten early; no address is kept. It is safe for concurrent use.
type pendingRequests struct {
	seed maphash.Seed
	// second is the time, 1 at the beginning, which workers set.
	second atomic.Uint32
	// slots hold the upper half of a request and when it was made.
	slots [pendingBuckets][pendingWays]atomic.Uint64
}

func newPendingRequests() *pendingRequests {
	q := &pendingRequests{seed: maphash.MakeSeed()}
	q.second.Store(1)
	return q
}

// tick sets the time.
func (q *pendingRequests) tick(now conntrack.Time) {
	if s := uint32(time.Duration(now)/time.Second) + 1; q.second.Load() != s {
		q.second.Store(s)
	}
}

// of returns the request of an exchange.
func (q *pendingRequests) of(t *conntrack.Tuple) request {
	// The upper half is never zero, as in an empty slot.
	return request(maphash.Comparable(q.seed, *t) | 1<<32)
}

// note remembers that the request was made now.
func (q *pendingRequests) note(k request) {
	bucket := &q.slots[uint32(k)%pendingBuckets]
	now := q.second.Load()
	oldest, age := 0, uint32(0)
	for i := range bucket {
		slot := bucket[i].Load()
		if slot>>32 == uint64(k)>>32 {
			oldest = i
			break
		}
		if n := now - uint32(slot); n >= age {
			oldest, age = i, n
		}
	}
	// Two workers that meet here lose one of two requests at worst.
	if slot := uint64(k)>>32<<32 | uint64(now); bucket[oldest].Load() != slot {
		bucket[oldest].Store(slot)
	}
}

// open reports whether an answer to the request may still come.
func (q *pendingRequests) open(k request, proto uint8) bool {
	limit := uint32(policy.AnswerTime / time.Second)
	if proto == conntrack.ProtoTCP {
		limit = uint32(connectionTime / time.Second)
	}
	bucket := &q.slots[uint32(k)%pendingBuckets]
	now := q.second.Load()
	for i := range bucket {
		slot := bucket[i].Load()
		if slot>>32 == uint64(k)>>32 {
			// A worker may have read the clock before another one wrote.
			age := int32(now - uint32(slot))
			return age <= int32(limit)
		}
	}
	return false
}
