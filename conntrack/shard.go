package conntrack

import (
	"sync"
	"sync/atomic"
)

const (
	// shardBits: 64 shards, as many as a word has bits, see account.waiting.
	shardBits  = 6
	shardCount = 1 << shardBits
)

// shard is a part of the table. Its entries have numbers; 0 means none, so the first
// entry of the first slab is never used.
//
// There are two kinds of locks. The shard's guards its index, slabs, queues (the
// links in the entries too) and counters. The entry lock guards a flow; its key and
// created are written with both locks held.
//
// Lock order: the holder of an entry lock may wait for the shard. The holder of a
// shard only tries an entry lock, or another shard's, and never waits for it.
//
// A packet of a known flow takes the entry lock alone, so processors that work on
// different flows write to no cache line in common. Processors fetch adjacent lines
// in pairs, so a shard is a multiple of 128 bytes (on 64-bit machines, see
// TestSizes).
type shard struct {
	// Read without the lock.
	table     *Table
	index     atomic.Pointer[index]
	directory atomic.Pointer[directory]
	_         [128 - 3*8]byte

	mu     sync.Mutex
	bit    uint64   // 1 << the shard's number
	stash  []uint32 // the few entries whose groups were both full
	lanes  [Lanes]lane
	owners []uint8 // the lane of each slab
	count  uint32  // live entries, expired ones included until they are removed

	untracked [queueCount - queueKinds]queue
	sweep     uint32 // where the next slice of expiry begins
	stats     counters
	_         [56]byte
}

func (s *shard) init(t *Table, n int) {
	s.table, s.bit = t, 1<<n
	s.index.Store(newIndex())
	s.directory.Store(new(directory))
	s.sweep = 1
}

// at returns the entry with number i.
func (s *shard) at(i uint32) *Flow {
	return &(*s.directory.Load())[i>>slabBits].Load()[i&slabMask]
}

// peek is at without the shard's lock. i may not be an entry's number; peek then
// returns nil.
func (s *shard) peek(i uint32) *Flow {
	d, n := *s.directory.Load(), i&slabMask
	if i>>slabBits >= uint32(len(d)) || n >= slabLen {
		return nil
	}
	c := d[i>>slabBits].Load()
	if c == nil {
		return nil
	}
	return &c[n]
}

// add links a new entry for key and returns it with the entry lock held. The caller
// fills it.
func (s *shard) add(h uint64, key *Tuple, lane uint8) (uint32, *Flow) {
	i := s.allocate(lane % Lanes)
	f := s.at(i)
	f.lockUnused()
	f.key = *key
	s.count++
	s.link(h, i)
	return i, f
}

// remove takes an entry out of the index and its queue and frees it. The caller
// holds the entry lock; remove releases it.
func (s *shard) remove(i uint32, f *Flow) {
	t, id := s.table, f.queue()
	a := t.account(f.key.Scope())
	s.unlist(i, f, a, id)
	if t.release(a, id); f.Untracked() {
		t.untracked.Add(-1)
	} else {
		a.flows.leave(&t.pool)
	}
	s.free(i, f)
}

// unlist takes an entry out of the index and its queue.
func (s *shard) unlist(i uint32, f *Flow, a *account, id queueID) {
	s.unlink(s.table.hash.hash(&f.key), i)
	s.dequeue(f, a, id)
}

// free is the end of an entry that is in no list and in no count.
func (s *shard) free(i uint32, f *Flow) {
	f.state = stateFree
	s.recycle(i, f)
	s.count--
	f.unlockUnused()
}
