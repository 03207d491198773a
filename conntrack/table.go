package conntrack

import (
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	// DefaultMaxFlows is the flow limit when Config does not set one.
	DefaultMaxFlows = 262144
	// MaxMaxFlows is the highest flow limit. Each of 64 shards numbers its entries with
	// 24 bits, which leaves a wide margin for uneven shards.
	MaxMaxFlows = 1 << 28
)

// Config sizes a table. The zero value is usable.
type Config struct {
	// MaxFlows is the hard limit of entries (T30); 0 means
	// DefaultMaxFlows, and MaxMaxFlows is the most.
	MaxFlows int
	// MaxHalfOpen is the limit of TCP flows that are not established; 0 means
	// half of MaxFlows. Half of MaxFlows is also what any other kind of flows may
	// take that are no open connections.
	MaxHalfOpen int
	// MaxUntracked is the limit of untracked flows, which MaxFlows does not include; 0
	// means a quarter of MaxFlows, but at least 1024.
	MaxUntracked int
	// Seed keys the hash; zero means a random seed.
	Seed [2]uint64
}

// Table holds flows. All methods may be called concurrently; a goroutine must
// not hold more than one [Entry] at a time, nor call other methods of the table
// while it holds one. Memory grows with the flows, about 128 bytes each, and is
// kept for later flows.
type Table struct {
	hash hashKey
	// shardShift shifts a hash down to the bits that name the shard. Tests set it to 64
	// for a single shard.
	shardShift uint8
	shards     []shard
	// What every lookup reads, above, is in one cache line.

	maxUntracked int64

	// byScope has the accounts of scopes; those who read it need no lock.
	byScope atomic.Pointer[[]*account]
	// sharing is held while accounts are made and guarantees change. Its holder takes no
	// other lock.
	sharing sync.Mutex
	// unsettled: a guarantee is not in force yet.
	unsettled atomic.Bool

	sweeping   sync.Mutex
	sweepShard int

	_ [128]byte
	// Written when flows come, go or change state, never on a hit.
	pool      pool             // of all tracked flows
	kinds     [queueKinds]pool // of each kind
	fullest   search           // for a scope that has much beyond its guarantee
	fullestOf [queueKinds]search
	untracked atomic.Int64
	adopted   atomic.Uint64 // see Stats
	// waiting is [account.waiting] for the queues of untracked flows.
	waiting [queueCount - queueKinds]atomic.Uint64
}

// NewTable returns an empty table.
func NewTable(cfg Config) *Table { return newTable(cfg, shardBits) }

func newTable(cfg Config, logShards int) *Table {
	if cfg.MaxFlows <= 0 {
		cfg.MaxFlows = DefaultMaxFlows
	}
	cfg.MaxFlows = min(cfg.MaxFlows, MaxMaxFlows)
	if cfg.MaxHalfOpen <= 0 {
		cfg.MaxHalfOpen = max(1, cfg.MaxFlows/2)
	}
	if cfg.MaxUntracked <= 0 {
		cfg.MaxUntracked = max(1024, cfg.MaxFlows/4)
	}
	t := &Table{
		hash:         newHashKey(cfg.Seed),
		maxUntracked: int64(cfg.MaxUntracked),
		shardShift:   uint8(64 - logShards),
		shards:       make([]shard, 1<<logShards),
	}
	t.byScope.Store(new([]*account))
	t.pool.limit = int64(cfg.MaxFlows)
	for id := range t.kinds {
		t.kinds[id].limit = int64(max(1, cfg.MaxFlows/2))
	}
	t.kinds[queueRevoked].limit = int64(cfg.MaxFlows)
	t.kinds[queueHalfOpen].limit = int64(cfg.MaxHalfOpen)
	for i := range t.shards {
		t.shards[i].init(t, i)
	}
	return t
}

// Lock returns the entry of a tuple, locked, as it is at now. The tuple must
// stay unchanged until Unlock. A flow whose timer has run out counts as none.
func (t *Table) Lock(k *Tuple, now Time) (e Entry) {
	t.LockEntry(&e, k, now)
	return e
}

// LockEntry is [Table.Lock] for the hot path: it writes into e and avoids a copy.
// e must not be locked.
func (t *Table) LockEntry(e *Entry, k *Tuple, now Time) {
	e.key = k
	e.shard, e.index, e.flow = t.lock(k, now)
	e.shardLocked = e.flow == nil
}

// lock finds a tuple's live flow and takes its entry lock or, where there is none,
// the lock of the shard. What it returns fits into registers.
func (t *Table) lock(k *Tuple, now Time) (*shard, uint32, *Flow) {
	h := t.hash.hash(k)
	s := &t.shards[h>>t.shardShift]
	x := s.index.Load()
	tag, live := tagOf(h), x.live.Load()
	g := &x.groups[x.place(firstBits(h), live)] // from here on candidate, inlined by hand
	m := g.match(tag)
	if m == 0 {
		g = &x.groups[x.place(secondBits(h), live)]
		m = g.match(tag)
	}
	if m != 0 {
		i := g.entry(m)
		if f := s.peek(i); f != nil && (f.tryLockLive(now.tick()) || f.lockLive(now.tick())) {
			if f.key.equal(k) {
				return s, i, f
			}
			f.unlock()
		}
	}
	i, f := s.lock(h, k, now)
	return s, i, f
}

// lock is the slow path of [Table.lock], for a tuple that was not found at once.
func (s *shard) lock(h uint64, k *Tuple, now Time) (uint32, *Flow) {
	for {
		s.mu.Lock()
		i, f := s.lookup(h, k)
		switch {
		case f == nil:
			return 0, nil
		case !f.tryLock(): // in use: it may need this shard to be released
			s.mu.Unlock()
			runtime.Gosched()
			continue
		case f.expired(now):
			s.expire(i, f)
			return 0, nil
		}
		s.mu.Unlock()
		return i, f
	}
}

// Len returns the number of tracked flows, including those that have expired and are
// not removed yet. It never exceeds the limit.
func (t *Table) Len() int {
	return int(min(t.sum(func(a *account) *portion { return &a.flows }), t.pool.limit))
}

// Limit returns how many tracked flows there may be.
func (t *Table) Limit() int { return int(t.pool.limit) }

// sum adds up the flows of a portion of all scopes.
func (t *Table) sum(of func(*account) *portion) (n int64) {
	for _, a := range t.accounts() {
		if a != nil {
			flows, _ := of(a).load()
			n += flows
		}
	}
	return n
}

// Untracked is Len for untracked flows, see [Entry.InsertUntracked].
func (t *Table) Untracked() int { return int(min(t.untracked.Load(), t.maxUntracked)) }

// Delete removes the flow of a tuple and reports whether there was a live one.
func (t *Table) Delete(k *Tuple, now Time) bool {
	e := t.Lock(k, now)
	defer e.Unlock()
	if e.flow == nil {
		return false
	}
	e.lockShard()
	e.shard.stats.deleted++
	e.shard.remove(e.index, e.flow)
	e.flow = nil
	return true
}
