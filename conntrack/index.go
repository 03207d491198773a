package conntrack

import "math/bits"

// An index finds entries by hash. It is an array of groups of eight slots, half
// a cache line each. An entry's slot is in one of two groups that its hash
// names, so that groups fill evenly and nothing ever has to move to make room.
// A slot holds eight bits of the hash beside the number of the entry: a lookup
// compares sixteen slots without a branch, and the entry that it then touches is
// almost always the right one. A lookup in vain touches no entry at all, which
// is what a flood of new flows needs. (Chains of entries, tried before, took a
// fifth longer at 100,000 flows and 6 bytes more per flow.)
type index struct {
	groups []group
	// The array doubles by linear hashing, a few groups at each insert: those
	// below split have been divided and are told apart by one more bit.
	mask  uint32
	split uint32
	// stash holds entries whose groups were both full: a handful.
	stash []uint32
}

const (
	groupSlots = 8
	// minGroups is the size of an empty index, a power of two.
	minGroups = 2
	// stashMax is how many entries may lie in the stash before the index grows.
	stashMax = 8
	// splitsPerInsert groups are divided at each insert while the index doubles.
	splitsPerInsert = 4

	// A slot has the tag in its upper eight bits; zero is an empty slot.
	slotTagShift = 24
	slotEntry    = 1<<slotTagShift - 1
)

// group is eight slots, two in a word.
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

// differ has the top bit of each slot's tag set where the tag differs from the
// one in pattern.
func differ(word, pattern uint64) uint64 {
	x := (word ^ pattern) & tagBits
	return ((x & tagRest) + tagRest) | x
}

// match returns the slots with a tag, a bit for each, see entry.
func (g *group) match(pattern uint64) uint64 {
	return ^differ(g[0], pattern)&tagTops>>3 |
		^differ(g[1], pattern)&tagTops>>2 |
		^differ(g[2], pattern)&tagTops>>1 |
		^differ(g[3], pattern)&tagTops
}

// entry returns the entry in the lowest slot of a match that is not empty.
func (g *group) entry(match uint64) uint32 {
	n := bits.TrailingZeros64(match)
	return uint32(g[n&3]>>(n&32)) & slotEntry
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
	for i, w := range g {
		if uint32(w) == 0 {
			g[i] = w | uint64(slot)
			return
		}
		if w>>32 == 0 {
			g[i] = w | uint64(slot)<<32
			return
		}
	}
}

// drop empties the slot of an entry and reports whether there was one.
func (g *group) drop(i uint32) bool {
	for n, w := range g {
		if uint32(w)&slotEntry == i {
			g[n] = w &^ (1<<32 - 1)
			return true
		}
		if uint32(w>>32)&slotEntry == i {
			g[n] = w & (1<<32 - 1)
			return true
		}
	}
	return false
}

func (x *index) init() {
	x.groups = make([]group, minGroups)
	x.mask = minGroups - 1
}

// place returns the group that hash bits name.
func (x *index) place(b uint32) uint32 {
	p := b & x.mask
	if p < x.split {
		p = b & (x.mask<<1 | 1)
	}
	return p
}

// places returns the two groups of a hash.
func (x *index) places(h uint64) (a, b uint32) {
	return x.place(uint32(h) & (1<<24 - 1)), x.place(uint32(h>>24) & (1<<24 - 1))
}

// lookup returns the entry of a key and its number, or 0.
func (s *shard) lookup(h uint64, k *Tuple) (uint32, *Flow) {
	x := &s.index
	pattern := tagOf(h)
	pattern = pattern<<24 | pattern<<56
	a, b := x.places(h)
	m, other := x.groups[a].match(pattern), x.groups[b].match(pattern)
	// Which group it is nobody can predict, so this is no branch.
	none := (m|-m)>>63 - 1
	a ^= (a ^ b) & uint32(none)
	m |= other & none
	if m != 0 {
		i := x.groups[a].entry(m)
		if f := s.at(i); f.key.equal(k) {
			return i, f
		}
	} else if len(x.stash) == 0 {
		return 0, nil
	}
	return s.lookupAll(h, k)
}

// lookupAll looks at every entry that may have the key.
func (s *shard) lookupAll(h uint64, k *Tuple) (uint32, *Flow) {
	x := &s.index
	pattern := tagOf(h)
	pattern = pattern<<24 | pattern<<56
	a, b := x.places(h)
	for _, g := range [2]*group{&x.groups[a], &x.groups[b]} {
		for m := g.match(pattern); m != 0; m &= m - 1 {
			i := g.entry(m)
			if f := s.at(i); f.key.equal(k) {
				return i, f
			}
		}
	}
	for _, i := range x.stash {
		if f := s.at(i); f.key.equal(k) {
			return i, f
		}
	}
	return 0, nil
}

// link puts an entry into the index; count is the shard's with it.
func (s *shard) link(h uint64, i uint32) {
	x := &s.index
	if x.split == 0 && (int(s.count) > len(x.groups)*groupSlots*4/5 || len(x.stash) > stashMax) {
		// Room for twice as many. What costs is the dividing, and that goes slowly.
		x.groups = append(make([]group, 0, 2*len(x.groups)), x.groups...)[:2*len(x.groups)]
		s.divide()
	}
	for range splitsPerInsert {
		if x.split != 0 {
			s.divide()
		}
	}
	x.add(h, i)
}

// add takes a slot in the better of two groups. The first is better as long as
// it has room to spare: a lookup then rarely needs the second.
func (x *index) add(h uint64, i uint32) {
	a, b := x.places(h)
	slot := uint32(tagOf(h))<<slotTagShift | i
	na, nb := x.groups[a].used(), x.groups[b].used()
	switch {
	case na < groupSlots && (na < groupSlots-2 || na <= nb):
		x.groups[a].put(slot)
	case nb < groupSlots:
		x.groups[b].put(slot)
	default:
		x.stash = append(x.stash, i)
	}
}

// divide moves the entries of the next group in turn that belong to its new
// twin.
func (s *shard) divide() {
	x := &s.index
	n := x.mask + 1
	from, to := &x.groups[x.split], &x.groups[x.split+n]
	for w, word := range from {
		for shift := 0; shift < 64; shift += 32 {
			slot := uint32(word >> shift)
			if slot == 0 {
				continue
			}
			h := s.table.hash.hash(&s.at(slot & slotEntry).key)
			via := uint32(h) & (1<<24 - 1)
			if via&x.mask != x.split { // it is here by its second group
				via = uint32(h>>24) & (1<<24 - 1)
			}
			if via&n != 0 {
				from[w] &^= (1<<32 - 1) << shift
				to.put(slot)
			}
		}
	}
	if x.split++; x.split == n {
		x.split, x.mask = 0, x.mask<<1|1
		stash := x.stash
		x.stash = nil
		for _, i := range stash {
			x.add(s.table.hash.hash(&s.at(i).key), i)
		}
	}
}

// unlink takes an entry out of the index.
func (s *shard) unlink(h uint64, i uint32) {
	x := &s.index
	a, b := x.places(h)
	if x.groups[a].drop(i) || x.groups[b].drop(i) {
		return
	}
	for n, j := range x.stash {
		if j == i {
			last := len(x.stash) - 1
			x.stash[n] = x.stash[last]
			x.stash = x.stash[:last]
			return
		}
	}
}
