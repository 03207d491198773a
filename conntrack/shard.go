package conntrack

import "sync"

const (
	// shardBits: 64 shards, as many as a word has bits, see Table.waiting.
	shardBits  = 6
	shardCount = 1 << shardBits

	// chunkLen entries of 112 bytes fill a 4,096-byte allocation. A chunk takes
	// 1<<chunkBits numbers, so that a number splits by a shift.
	chunkLen  = 36
	chunkBits = 6
	chunkMask = 1<<chunkBits - 1
)

// chunk is a run of entries that never moves, so a shard grows without copying.
type chunk [chunkLen]Flow

// shard is a part of the table with its own lock. Entries have numbers; 0 means
// none, so the first entry of the first chunk is never used.
type shard struct {
	mu    sync.Mutex
	table *Table
	bit   uint64 // 1 << the shard's number

	index  index
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
	_ [24]byte // to a multiple of 128 on 64-bit machines, see TestSizes
}

func (s *shard) init(t *Table, n int) {
	s.table, s.bit = t, 1<<n
	s.index.init()
	s.fresh = 1
	s.sweep = 1
}

// at returns the entry with number i.
func (s *shard) at(i uint32) *Flow {
	return &s.chunks[i>>chunkBits][i&chunkMask]
}

// add links a new entry for key and returns it. The caller fills it.
func (s *shard) add(h uint64, key *Tuple) (uint32, *Flow) {
	i := s.free
	if i != 0 {
		s.free = s.at(i).newer
	} else {
		i = s.fresh
		if int(i>>chunkBits) == len(s.chunks) {
			s.chunks = append(s.chunks, new(chunk))
		}
		s.fresh = following(i)
	}
	f := s.at(i)
	f.key = *key
	s.count++
	s.link(h, i)
	return i, f
}

// following returns the number behind i.
func following(i uint32) uint32 {
	if i++; i&chunkMask == chunkLen {
		i = (i | chunkMask) + 1
	}
	return i
}

// remove takes an entry out of the index and its queue and frees it.
func (s *shard) remove(i uint32, f *Flow) {
	s.unlink(s.table.hash.hash(&f.key), i)
	s.leave(f)
	f.state = stateFree
	f.newer = s.free
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
