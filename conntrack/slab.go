package conntrack

import "sync/atomic"

const (
	// slabLen entries of 112 bytes fill a 4,096-byte allocation. A slab takes
	// 1<<slabBits entry numbers, more than it has entries, so that a shift and a mask
	// split a number into slab and place.
	slabLen  = 36
	slabBits = 6
	slabMask = 1<<slabBits - 1
)

// slab is a block of entries. It never moves, so a shard grows without copying
// entries.
type slab [slabLen]Flow

// directory holds the slabs of a shard by number, nil after the last one. Readers
// need no lock.
type directory []atomic.Pointer[slab]

// Lanes is how many different values of [PacketMeta].Lane there are.
const Lanes = 8

// lane is the free list for the flows that one worker opens. Entries are smaller
// than two cache lines. If flows of two workers were neighbours, they would share a
// line, and every packet would take it from the other worker's processor (false
// sharing).
type lane struct {
	free  uint32 // head of the list of freed entries
	fresh uint32 // first entry of the latest slab that was never used, or 0
}

// take returns an entry of the lane, or 0.
func (s *shard) take(l *lane) uint32 {
	if i := l.free; i != 0 {
		l.free = s.at(i).newer
		return i
	}
	i := l.fresh
	if i != 0 {
		if l.fresh = i + 1; l.fresh&slabMask == slabLen {
			l.fresh = 0
		}
	}
	return i
}

// allocate returns an unused entry, preferably of lane n.
func (s *shard) allocate(n uint8) uint32 {
	l := &s.lanes[n]
	if i := s.take(l); i != 0 {
		return i
	}
	// Before the shard grows: other lanes may have many free entries.
	if s.slots()-int(s.count) > Lanes*slabLen+int(s.count)/8 {
		for o := range s.lanes {
			if i := s.take(&s.lanes[o]); i != 0 {
				return i
			}
		}
	}
	c := len(s.owners)
	d := *s.directory.Load()
	if c == len(d) {
		longer := make(directory, max(1, 2*c))
		for i := range d {
			longer[i].Store(d[i].Load())
		}
		s.directory.Store(&longer)
		d = longer
	}
	d[c].Store(new(slab))
	s.owners = append(s.owners, n)
	l.fresh = uint32(c) << slabBits
	if c == 0 {
		l.fresh++ // number 0 means none
	}
	return s.take(l)
}

// recycle returns a removed entry to the lane that owns its slab.
func (s *shard) recycle(i uint32, f *Flow) {
	l := &s.lanes[s.owners[i>>slabBits]]
	f.newer = l.free
	l.free = i
}

// slots returns how many entries the shard's slabs hold, free ones included.
func (s *shard) slots() int { return len(s.owners) * slabLen }

// end returns the number after the last entry's.
func (s *shard) end() uint32 { return uint32(len(s.owners)) << slabBits }

// following returns the number of the entry after i.
func following(i uint32) uint32 {
	if i++; i&slabMask == slabLen {
		i = (i | slabMask) + 1
	}
	return i
}
