package conntrack

import "sync/atomic"

const (
	// chunkLen entries of 112 bytes fill a 4,096-byte allocation. A chunk takes
	// 1<<chunkBits numbers, so that a number splits by a shift.
	chunkLen  = 36
	chunkBits = 6
	chunkMask = 1<<chunkBits - 1
)

// chunk is a run of entries that never moves, so a shard grows without copying.
type chunk [chunkLen]Flow

// directory holds the chunks of a shard by number, nil beyond the last. Readers
// need no lock.
type directory []atomic.Pointer[chunk]

// Lanes is how many values of [PacketMeta].Lane are told apart.
const Lanes = 8

// lane is the supply of entries for the flows that one worker opens. Entries are
// smaller than two cache lines: were the flows of two workers neighbours, every
// packet would take a line from the other worker's processor.
type lane struct {
	free  uint32 // head of the list of freed entries
	fresh uint32 // the first entry of the latest chunk that was never used, or 0
}

// take returns an entry of the lane, or 0.
func (s *shard) take(l *lane) uint32 {
	if i := l.free; i != 0 {
		l.free = s.at(i).newer
		return i
	}
	i := l.fresh
	if i != 0 {
		if l.fresh = i + 1; l.fresh&chunkMask == chunkLen {
			l.fresh = 0
		}
	}
	return i
}

// allocate returns an unused entry, of a lane if it can.
func (s *shard) allocate(n uint8) uint32 {
	l := &s.lanes[n]
	if i := s.take(l); i != 0 {
		return i
	}
	// Other lanes may have plenty, from a time when they had more to do.
	if s.slots()-int(s.count) > Lanes*chunkLen+int(s.count)/8 {
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
	d[c].Store(new(chunk))
	s.owners = append(s.owners, n)
	l.fresh = uint32(c) << chunkBits
	if c == 0 {
		l.fresh++ // number 0 means none
	}
	return s.take(l)
}

// recycle gives a removed entry back to the lane that its chunk belongs to.
func (s *shard) recycle(i uint32, f *Flow) {
	l := &s.lanes[s.owners[i>>chunkBits]]
	f.newer = l.free
	l.free = i
}

// slots returns how many entries the shard's chunks hold.
func (s *shard) slots() int { return len(s.owners) * chunkLen }

// end returns the number behind the last entry.
func (s *shard) end() uint32 { return uint32(len(s.owners)) << chunkBits }

// following returns the number behind i.
func following(i uint32) uint32 {
	if i++; i&chunkMask == chunkLen {
		i = (i | chunkMask) + 1
	}
	return i
}
