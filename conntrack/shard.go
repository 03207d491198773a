package conntrack

import "sync"

const (
	// shardBits: 64 shards, as many as a word has bits, see Table.waiting.
	shardBits  = 6
	shardCount = 1 << shardBits

	// chunkLen entries of 120 bytes fill a 4,096-byte allocation. A chunk takes
	// 1<<chunkBits index values, so an index splits by a shift.
	chunkLen  = 34
	chunkBits = 6
	chunkMask = 1<<chunkBits - 1

	// minBuckets is the size of an empty shard's bucket array, a power of two.
	minBuckets = 8
)

// chunk is a run of entries that never moves, so a shard grows without copying.
type chunk [chunkLen]Flow

// shard is a part of the table with its own lock. Index 0 means none; the first
// entry of the first chunk is therefore never used.
type shard struct {
	mu    sync.Mutex
	table *Table
	bit   uint64 // 1 << the shard's number

	// Linear hashing: the array grows by one bucket at a time. Buckets below
	// split have been divided and are told apart by one more bit of the hash.
	buckets []uint32
	mask    uint32
	split   uint32

	chunks []*chunk
	fresh  uint32 // the first entry that was never used
	free   uint32 // head of the list of freed entries
	count  uint32 // live entries, expired ones included until they are removed

	queues [queueCount]queue
	sweep  uint32 // where the next slice of expiry begins
	stats  counters
}

// paddedShard keeps shards off each other's cache lines; adjacent lines are
// fetched in pairs.
type paddedShard struct {
	shard
	_ [48]byte // to a multiple of 128 on 64-bit machines, see TestSizes
}

func (s *shard) init(t *Table, n int) {
	s.table, s.bit = t, 1<<n
	s.buckets = make([]uint32, minBuckets)
	s.mask = minBuckets - 1
	s.fresh = 1
	s.sweep = 1
}

// at returns the entry with index i.
func (s *shard) at(i uint32) *Flow {
	return &s.chunks[i>>chunkBits][i&chunkMask]
}

// bucket returns where a hash belongs.
func (s *shard) bucket(h uint64) uint32 {
	b := uint32(h) & s.mask
	if b < s.split {
		b = uint32(h) & (s.mask<<1 | 1)
	}
	return b
}

// add links a new entry for key and returns it. The caller fills it.
func (s *shard) add(h uint64, key *Tuple) (uint32, *Flow) {
	i := s.free
	if i != 0 {
		s.free = s.at(i).next
	} else {
		i = s.fresh
		if int(i>>chunkBits) == len(s.chunks) {
			s.chunks = append(s.chunks, new(chunk))
		}
		s.fresh = following(i)
	}
	f := s.at(i)
	b := s.bucket(h)
	f.key = *key
	f.next = s.buckets[b]
	s.buckets[b] = i
	s.count++
	if s.count > uint32(len(s.buckets)) {
		s.grow()
	}
	return i, f
}

// following returns the index behind i.
func following(i uint32) uint32 {
	if i++; i&chunkMask == chunkLen {
		i = (i | chunkMask) + 1
	}
	return i
}

// remove unlinks an entry from its bucket and queue and frees it.
func (s *shard) remove(i uint32, f *Flow) {
	p := &s.buckets[s.bucket(s.table.hash.hash(&f.key))]
	for *p != i {
		p = &s.at(*p).next
	}
	*p = f.next
	s.leave(f)
	f.state = stateFree
	f.next = s.free
	s.free = i
	s.count--
	s.table.flows.Add(-1)
}

// leave takes a flow out of its queue and out of the half-open ones.
func (s *shard) leave(f *Flow) {
	id := f.state.queue()
	s.dequeue(f, id)
	if id == queueHalfOpen {
		s.table.halfOpen.Add(-1)
	}
}

// grow adds one bucket by dividing the next one in turn.
func (s *shard) grow() {
	from, high := s.split, s.mask+1
	i := s.buckets[from]
	var stay, move uint32
	for i != 0 {
		f := s.at(i)
		next := f.next
		if uint32(s.table.hash.hash(&f.key))&high == 0 {
			f.next, stay = stay, i
		} else {
			f.next, move = move, i
		}
		i = next
	}
	s.buckets[from] = stay
	s.buckets = append(s.buckets, move)
	if s.split++; s.split == high {
		s.split, s.mask = 0, s.mask<<1|1
	}
}
