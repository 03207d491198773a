package conntrack

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

// An index finds entries by hash. It is an array of groups of eight slots, half
// a cache line each. An entry's slot is in one of two groups that its hash
// names, so that groups fill evenly and nothing ever has to move to make room.
// A slot holds eight bits of the hash beside the number of the entry: a lookup
// compares sixteen slots without a branch, and the entry that it then touches is
// almost always the right one. A lookup in vain touches no entry at all, which
// is what a flood of new flows needs. (Chains of entries, tried before, took a
// fifth longer at 100,000 flows and 6 bytes more per flow.)
//
// Writers hold the shard's lock. Readers need not: they may then miss an entry,
// or be given one that has become another flow's; see [shard.find].
type index struct {
	groups []group
	// The array doubles by linear hashing, a few groups at each insert: groups
	// below split have been divided and are told apart by one more bit of the
	// hash than mask has. len(groups) is 2*(mask+1), and split ends at mask+1.
	mask  uint32
	split atomic.Uint32
}

const (
	groupSlots = 8
	// stashMax is how many entries may lie in a shard's stash before its index
	// grows.
	stashMax = 8
	// splitsPerInsert groups are divided at each insert while the index doubles.
	splitsPerInsert = 4

	// A slot has the tag in its upper eight bits; zero is an empty slot.
	slotTagShift = 24
	slotEntry    = 1<<slotTagShift - 1
)

// group is eight slots, two in a word. Words are written atomically.
type group [4]uint64

// The bits of the two slots of a word.
const (
	tagBits = 0xff000000_ff000000
	tagTops = 0x80000000_80000000
	tagRest = tagBits &^ tagTops
)

// tagOf returns the tag of a hash, never zero. Groups take the 48 bits below,
// shards the ones above.
func tagOf(h uint64) uint64 {
	return max(h>>48&0xff, 1)
}

// patternOf returns the tag of a hash as it stands in the slots of a word.
func patternOf(h uint64) uint64 {
	tag := tagOf(h)
	return tag<<24 | tag<<56
}

// differ has the top bit of each slot's tag set where the tag differs from the
// one in pattern.
func differ(word, pattern uint64) uint64 {
	x := (word ^ pattern) & tagBits
	return ((x & tagRest) + tagRest) | x
}

// match returns the slots with a tag, a bit for each, see entry.
func (g *group) match(pattern uint64) uint64 {
	return ^differ(atomic.LoadUint64(&g[0]), pattern)&tagTops>>3 |
		^differ(atomic.LoadUint64(&g[1]), pattern)&tagTops>>2 |
		^differ(atomic.LoadUint64(&g[2]), pattern)&tagTops>>1 |
		^differ(atomic.LoadUint64(&g[3]), pattern)&tagTops
}

// entry returns the entry in the lowest slot of a match that is not empty.
func (g *group) entry(match uint64) uint32 {
	n := bits.TrailingZeros64(match)
	return uint32(atomic.LoadUint64(&g[n&3])>>(n&32)) & slotEntry
}

// used returns how many slots are taken.
func (g *group) used() (n int) {
	for _, w := range g {
		if uint32(w) != 0 {
			n++
		}
		if w>>32 != 0 {
			n++
		}
	}
	return n
}

// put takes an empty slot, which there must be.
func (g *group) put(slot uint32) {
	for n, w := range g {
		if uint32(w) == 0 {
			atomic.StoreUint64(&g[n], w|uint64(slot))
			return
		}
		if w>>32 == 0 {
			atomic.StoreUint64(&g[n], w|uint64(slot)<<32)
			return
		}
	}
}

// drop empties the slot of an entry and reports whether there was one.
func (g *group) drop(i uint32) bool {
	for n, w := range g {
		for shift := 0; shift < 64; shift += 32 {
			if uint32(w>>shift)&slotEntry == i {
				atomic.StoreUint64(&g[n], w&^((1<<32-1)<<shift))
				return true
			}
		}
	}
	return false
}

// newIndex returns an empty index of two groups.
func newIndex() *index {
	x := &index{groups: make([]group, 2)}
	x.split.Store(1)
	return x
}

// doubled returns a copy with room for twice as many groups, none of them
// divided yet. What costs is the dividing, and that goes slowly.
func (x *index) doubled() *index {
	n := len(x.groups)
	y := &index{groups: make([]group, 2*n), mask: uint32(n - 1)}
	copy(y.groups, x.groups)
	return y
}

// doubling reports whether there are groups left to divide.
func (x *index) doubling() bool { return x.split.Load() <= x.mask }

// place returns the group that hash bits name.
func (x *index) place(b, split uint32) uint32 {
	p := b & x.mask
	if p < split {
		p = b & (x.mask<<1 | 1)
	}
	return p
}

// The bits of a hash that name its first and its second group.
func firstBits(h uint64) uint32  { return uint32(h) & (1<<24 - 1) }
func secondBits(h uint64) uint32 { return uint32(h>>24) & (1<<24 - 1) }

// places returns the two groups of a hash.
func (x *index) places(h uint64) (a, b uint32) {
	split := x.split.Load()
	return x.place(firstBits(h), split), x.place(secondBits(h), split)
}

// candidate returns the entry that a hash leads to, almost always the right
// one if there is one, or 0.
func (x *index) candidate(h uint64) uint32 {
	pattern := patternOf(h)
	a, b := x.places(h)
	m, other := x.groups[a].match(pattern), x.groups[b].match(pattern)
	// Which group it is nobody can predict, so this is no branch.
	none := (m|-m)>>63 - 1
	a ^= (a ^ b) & uint32(none)
	m |= other & none
	if m == 0 {
		return 0
	}
	return x.groups[a].entry(m)
}

// add takes a slot in the better of two groups and reports whether there was
// one. The first is better as long as it has room to spare.
func (x *index) add(h uint64, i uint32) bool {
	a, b := x.places(h)
	slot := uint32(tagOf(h))<<slotTagShift | i
	na, nb := x.groups[a].used(), x.groups[b].used()
	switch {
	case na < groupSlots && (na < groupSlots-2 || na <= nb):
		x.groups[a].put(slot)
	case nb < groupSlots:
		x.groups[b].put(slot)
	default:
		return false
	}
	return true
}

// drop empties the slot of an entry and reports whether there was one.
func (x *index) drop(h uint64, i uint32) bool {
	a, b := x.places(h)
	return x.groups[a].drop(i) || x.groups[b].drop(i)
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

// lookupAll looks at every entry that may have the key.
func (s *shard) lookupAll(x *index, h uint64, k *Tuple) (uint32, *Flow) {
	pattern := patternOf(h)
	a, b := x.places(h)
	for _, g := range [2]*group{&x.groups[a], &x.groups[b]} {
		for m := g.match(pattern); m != 0; m &= m - 1 {
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
			s.divide(x)
		}
	}
	if !x.add(h, i) {
		s.stash = append(s.stash, i)
	}
}

// divide moves the entries of the next group in turn that belong to its new
// twin. A reader may miss them meanwhile and then asks again with the lock.
func (s *shard) divide(x *index) {
	n, split := x.mask+1, x.split.Load()
	from, to := &x.groups[split], &x.groups[split+n]
	for w, word := range from {
		for shift := 0; shift < 64; shift += 32 {
			slot := uint32(word >> shift)
			if slot == 0 {
				continue
			}
			h := s.table.hash.hash(&s.at(slot & slotEntry).key)
			via := firstBits(h)
			if via&x.mask != split { // it is here by its second group
				via = secondBits(h)
			}
			if via&n != 0 {
				to.put(slot)
				atomic.StoreUint64(&from[w], from[w]&^((1<<32-1)<<shift))
			}
		}
	}
	x.split.Store(split + 1)
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
