package conntrack

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

// index is a hash table from tuples to entry numbers. It is an array of groups of
// eight slots, half a cache line each. An entry's slot is in one of two groups that
// its hash names (two-choice hashing). So groups fill evenly and nothing has to move
// to make room.
//
// A slot holds a tag, eight bits of the hash, beside the number of the entry. A
// lookup compares the eight tags of a group at once and seldom needs the second
// group. The entry that it then reads is almost always the right one. A lookup
// without a match reads no entry at all, which keeps a flood of new flows cheap.
// Chained entries were a fifth slower at 100,000 flows and took 6 bytes more each.
//
// Writers hold the shard's lock. Readers need not. Without it they may miss an
// entry, get one that now belongs to another flow, or get a number that is no
// entry's; see [Table.lock].
type index struct {
	groups []group
	// The array grows by linear hashing, a few groups at each insert. The first live
	// groups are in use. A group beyond them is not split off yet: its entries are
	// in the group half the array before it. len(groups) is full+1, a power of two
	// of at most 24 bits.
	full uint32
	live atomic.Uint32
}

const (
	groupSlots = 8
	// stashMax is how many entries a shard's stash may hold before its index grows.
	stashMax = 8
	// splitsPerInsert groups are split at each insert while the index doubles.
	splitsPerInsert = 4
)

// group is eight slots. Slot n is byte n of each word: its tag, zero if the slot is
// empty, and three bytes of an entry's number. So eight tags are compared as one
// word. Words are written atomically, but not together. A reader without the lock
// may therefore see a number that nobody wrote, see [shard.peek].
type group [4]uint64

// The words of a group.
const (
	tags = iota
	numberLow
	numberMiddle
	numberHigh
)

const (
	eachSlot = 0x0101010101010101
	slotTops = 0x80 * eachSlot
	slotRest = 0x7f * eachSlot
	slotMask = 0xff
)

// tagOf returns the tag of a hash, never zero. The 48 bits below it name groups, the
// bits above it the shard.
func tagOf(h uint64) uint64 {
	return max(h>>48&0xff, 1)
}

// match returns the slots with a tag, as the top bits of their bytes.
func (g *group) match(tag uint64) uint64 {
	x := atomic.LoadUint64(&g[tags]) ^ tag*eachSlot
	return ^(x&slotRest + slotRest | x) & slotTops
}

// shiftOf returns the shift of the lowest slot of a match.
func shiftOf(match uint64) int { return bits.TrailingZeros64(match) &^ 7 & 63 }

// entry returns the entry in the lowest slot of a match.
func (g *group) entry(match uint64) uint32 {
	n := shiftOf(match)
	return uint32(atomic.LoadUint64(&g[numberLow])>>n&slotMask |
		atomic.LoadUint64(&g[numberMiddle])>>n&slotMask<<8 |
		atomic.LoadUint64(&g[numberHigh])>>n&slotMask<<16)
}

// used returns how many slots are taken.
func (g *group) used() int { return groupSlots - bits.OnesCount64(g.match(0)) }

// put stores an entry in an empty slot. The caller knows that there is one.
func (g *group) put(tag uint64, i uint32) {
	n := shiftOf(g.match(0))
	g.set(numberLow, n, uint64(i)&slotMask)
	g.set(numberMiddle, n, uint64(i)>>8&slotMask)
	g.set(numberHigh, n, uint64(i)>>16)
	g.set(tags, n, tag)
}

// set writes one byte of a word.
func (g *group) set(word, shift int, b uint64) {
	atomic.StoreUint64(&g[word], g[word]&^(slotMask<<shift)|b<<shift)
}

// drop empties the slot of an entry and reports whether there was one.
func (g *group) drop(tag uint64, i uint32) bool {
	for m := g.match(tag); m != 0; m &= m - 1 {
		if g.entry(m) == i {
			g.set(tags, shiftOf(m), 0)
			return true
		}
	}
	return false
}

// newIndex returns an empty index of two groups.
func newIndex() *index {
	x := &index{groups: make([]group, 2), full: 1}
	x.live.Store(2)
	return x
}

// doubled returns a copy with room for twice as many groups. None is split yet:
// splitting is the expensive part and is spread over many inserts.
func (x *index) doubled() *index {
	n := len(x.groups)
	y := &index{groups: make([]group, 2*n), full: uint32(2*n - 1)}
	copy(y.groups, x.groups)
	y.live.Store(uint32(n))
	return y
}

// doubling reports whether there are groups left to split.
func (x *index) doubling() bool { return x.live.Load() <= x.full }

// place returns the group that hash bits name.
func (x *index) place(bits, live uint32) uint32 {
	p := bits & x.full
	if p >= live {
		p &= x.full >> 1
	}
	return p
}

// The bits of a hash that name its first and its second group.
func firstBits(h uint64) uint32  { return uint32(h) }
func secondBits(h uint64) uint32 { return uint32(h >> 24) }

// places returns the two groups of a hash.
func (x *index) places(h uint64) (a, b uint32) {
	live := x.live.Load()
	return x.place(firstBits(h), live), x.place(secondBits(h), live)
}

// candidate returns the first entry whose tag matches, or 0. It is almost always the
// right one.
func (x *index) candidate(h uint64) uint32 {
	tag, live := tagOf(h), x.live.Load()
	g := &x.groups[x.place(firstBits(h), live)]
	m := g.match(tag)
	if m == 0 {
		g = &x.groups[x.place(secondBits(h), live)]
		if m = g.match(tag); m == 0 {
			return 0
		}
	}
	return g.entry(m)
}

// add stores an entry in one of its two groups and reports whether there was room.
// It prefers the first while that has two free slots, so that a lookup seldom needs
// the second. Otherwise it takes the emptier one.
func (x *index) add(h uint64, i uint32) bool {
	a, b := x.places(h)
	tag := tagOf(h)
	na, nb := x.groups[a].used(), x.groups[b].used()
	switch {
	case na < groupSlots && (na < groupSlots-1 || na <= nb):
		x.groups[a].put(tag, i)
	case nb < groupSlots:
		x.groups[b].put(tag, i)
	default:
		return false
	}
	return true
}

// drop empties the slot of an entry and reports whether there was one.
func (x *index) drop(h uint64, i uint32) bool {
	a, b := x.places(h)
	tag := tagOf(h)
	return x.groups[a].drop(tag, i) || x.groups[b].drop(tag, i)
}

// lookup returns the entry of a key, or 0 and nil. The caller holds the lock.
func (s *shard) lookup(h uint64, k *Tuple) (uint32, *Flow) {
	x := s.index.Load()
	if i := x.candidate(h); i != 0 {
		if f := s.at(i); f.key.equal(k) {
			return i, f
		}
	} else if len(s.stash) == 0 {
		return 0, nil
	}
	return s.lookupAll(x, h, k)
}

// lookupAll compares every entry that may have the key.
func (s *shard) lookupAll(x *index, h uint64, k *Tuple) (uint32, *Flow) {
	tag := tagOf(h)
	a, b := x.places(h)
	for _, g := range [2]*group{&x.groups[a], &x.groups[b]} {
		for m := g.match(tag); m != 0; m &= m - 1 {
			i := g.entry(m)
			if f := s.at(i); f.key.equal(k) {
				return i, f
			}
		}
	}
	for _, i := range s.stash {
		if f := s.at(i); f.key.equal(k) {
			return i, f
		}
	}
	return 0, nil
}

// link puts an entry into the index.
func (s *shard) link(h uint64, i uint32) {
	x := s.index.Load()
	if !x.doubling() && (int(s.count) > len(x.groups)*groupSlots*4/5 || len(s.stash) > stashMax) {
		x = x.doubled()
		s.index.Store(x)
	}
	for range splitsPerInsert {
		if x.doubling() {
			s.split(x)
		}
	}
	if !x.add(h, i) {
		s.stash = append(s.stash, i)
	}
}

// split splits the next group in turn: entries that belong to the new group move
// there. A reader may miss them meanwhile; it then looks again with the lock held.
func (s *shard) split(x *index) {
	live, n := x.live.Load(), x.full/2+1
	from, to := &x.groups[live-n], &x.groups[live]
	for m := ^from.match(0) & slotTops; m != 0; m &= m - 1 {
		i := from.entry(m)
		h := s.table.hash.hash(&s.at(i).key)
		via := firstBits(h)
		if via&(n-1) != live-n { // this is its second group
			via = secondBits(h)
		}
		if via&n != 0 {
			to.put(tagOf(h), i)
			from.set(tags, shiftOf(m), 0)
		}
	}
	x.live.Store(live + 1)
	if x.doubling() {
		return
	}
	stash := s.stash
	s.stash = nil
	for _, i := range stash {
		if !x.add(s.table.hash.hash(&s.at(i).key), i) {
			s.stash = append(s.stash, i)
		}
	}
}

// unlink takes an entry out of the index.
func (s *shard) unlink(h uint64, i uint32) {
	if s.index.Load().drop(h, i) {
		return
	}
	if n := slices.Index(s.stash, i); n >= 0 {
		s.stash = slices.Delete(s.stash, n, n+1)
	}
}
