package filter

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"sgfw/conntrack"
	"sgfw/policy"
)

const (
	// askedBuckets and askedWays are how many questions are remembered: 64 Ki in
	// 512 KiB. When a bucket is full the oldest makes room, so that a new question
	// always finds it, whatever the flow table holds.
	askedBuckets = 1 << 14
	askedWays    = 4
	// connectionTime is how long after the last segment to an exempt service its
	// segments pass: TCP itself refuses those that it does not expect.
	connectionTime = time.Hour
)

// question stands for an exchange with an exempt service; 0 is none.
type question uint64

// questions remembers what was asked of exempt services, so that nothing but
// answers comes back. It is no flow table: AWS does not track these exchanges, so
// they must neither fill the table nor fail when it is full. It forgets by
// itself, keeps no addresses, and may forget early. Safe for concurrent use.
type questions struct {
	seed maphash.Seed
	// second is the time, 1 at the beginning, which workers set.
	second atomic.Uint32
	// slots hold the upper half of a question and when it was asked.
	slots [askedBuckets][askedWays]atomic.Uint64
}

func newQuestions() *questions {
	q := &questions{seed: maphash.MakeSeed()}
	q.second.Store(1)
	return q
}

// tick sets the time.
func (q *questions) tick(now conntrack.Time) {
	if s := uint32(time.Duration(now)/time.Second) + 1; q.second.Load() != s {
		q.second.Store(s)
	}
}

// of returns the question of an exchange.
func (q *questions) of(t *conntrack.Tuple) question {
	// The upper half is never zero, as in an empty slot.
	return question(maphash.Comparable(q.seed, *t) | 1<<32)
}

// note remembers that the machine asked now.
func (q *questions) note(k question) {
	bucket := &q.slots[uint32(k)%askedBuckets]
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
	// Two workers that meet here lose one of two questions at worst.
	if slot := uint64(k)>>32<<32 | uint64(now); bucket[oldest].Load() != slot {
		bucket[oldest].Store(slot)
	}
}

// open reports whether an answer to the question may still come.
func (q *questions) open(k question, proto uint8) bool {
	limit := uint32(policy.AnswerTime / time.Second)
	if proto == conntrack.ProtoTCP {
		limit = uint32(connectionTime / time.Second)
	}
	bucket := &q.slots[uint32(k)%askedBuckets]
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
