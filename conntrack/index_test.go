package conntrack

import (
	"math/bits"
	"testing"
)

// TestIndex compares the index of a single shard with a map while flows come and go.
func TestIndex(t *testing.T) {
	const n = 20_000
	table := newTable(Config{MaxFlows: 2 * n, Seed: [2]uint64{1, 2}}, 0)
	tuples := manyTuples(n)
	tmo := DefaultTimeouts()
	s := udpPacket(in)
	has := func(k *Tuple) bool {
		e := table.Lock(k, 0)
		defer e.Unlock()
		return e.Flow() != nil
	}
	live := map[Tuple]bool{}
	for i := range tuples {
		k := &tuples[i]
		e := table.Lock(k, 0)
		if e.Insert(&s, uint32(i), &tmo, 0) != Inserted {
			t.Fatal("refused")
		}
		e.Unlock()
		live[*k] = true
		if i%3 == 0 {
			old := &tuples[i/2]
			if table.Delete(old, 0) != live[*old] {
				t.Fatalf("Delete of flow %d: want %v", i/2, live[*old])
			}
			delete(live, *old)
		}
		if bits.OnesCount(uint(i)) == 1 { // at every doubling
			for j := range tuples {
				if has(&tuples[j]) != live[tuples[j]] {
					t.Fatalf("after %d inserts: flow %d: found = %v", i+1, j, !live[tuples[j]])
				}
			}
		}
	}
	for j := range tuples {
		if has(&tuples[j]) != live[tuples[j]] {
			t.Fatalf("flow %d: found = %v", j, !live[tuples[j]])
		}
	}
	if table.Len() != len(live) {
		t.Errorf("Len = %d, want %d", table.Len(), len(live))
	}
	if x := table.shards[0].index.Load(); len(x.groups)*groupSlots > 4*n {
		t.Errorf("%d groups for %d flows", len(x.groups), n)
	}
}

// TestIndexStash: entries whose groups are full are found and can be removed.
func TestIndexStash(t *testing.T) {
	const n = groupSlots + 2*stashMax
	table := newTable(Config{MaxFlows: 1000}, 0)
	s := &table.shards[0]
	var h uint64 = 7<<48 | 1<<24 | 1 // one group, one tag
	tuples := manyTuples(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.index.Load()
	for i := range groupSlots + 3 {
		_, f := s.add(h, &tuples[i], 0)
		f.unlock()
	}
	if len(s.stash) != 3 || s.index.Load() != x {
		t.Fatalf("%d entries in the stash, want 3", len(s.stash))
	}
	for i := range groupSlots + 3 {
		if j, f := s.lookup(h, &tuples[i]); f == nil || f.key != tuples[i] {
			t.Errorf("entry %d: found %d", i, j)
		}
	}
	i, _ := s.lookup(h, &tuples[groupSlots+1])
	s.unlink(h, i)
	if _, f := s.lookup(h, &tuples[groupSlots+1]); f != nil || len(s.stash) != 2 {
		t.Errorf("found after unlink; %d entries in the stash", len(s.stash))
	}
	if _, f := s.lookup(h, &tuples[groupSlots]); f == nil {
		t.Error("another entry of the stash is gone")
	}
}

// TestGroupMatch compares matching eight slots at once with matching one by one.
func TestGroupMatch(t *testing.T) {
	values := []uint64{0, 1, 2, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff}
	for slot := range groupSlots {
		for _, have := range values {
			for _, rest := range values {
				for _, want := range values[1:] {
					var g group
					for i := range groupSlots {
						tag := rest
						if i == slot {
							tag = have
						}
						g[tags] |= tag << (8 * i)
						g[numberMiddle] |= uint64(i+1) << (8 * i)
					}
					got := map[uint32]bool{}
					for m := g.match(want); m != 0; m &= m - 1 {
						got[g.entry(m)>>8] = true
					}
					for i := range groupSlots {
						tag := rest
						if i == slot {
							tag = have
						}
						if got[uint32(i+1)] != (tag == want) {
							t.Fatalf("tag %#x in slot %d: match for %#x = %v", tag, i, want, got)
						}
					}
				}
			}
		}
	}
}

// TestLanes: flows of different lanes never share a slab, freed entries return to their
// lane, and a lane takes free entries of others before the shard grows.
func TestLanes(t *testing.T) {
	const n = 4000
	table := newTable(Config{MaxFlows: 3 * n}, 0)
	s := &table.shards[0]
	tuples := manyTuples(3 * n)
	tmo := DefaultTimeouts()
	open := func(k *Tuple, lane uint8) uint32 {
		e := table.Lock(k, 0)
		defer e.Unlock()
		if r := e.Insert(&PacketMeta{Class: ClassUDP, Lane: lane}, 0, &tmo, 0); r != Inserted {
			t.Fatalf("Insert = %v", r)
		}
		return e.index
	}
	owner := map[uint32]uint8{}
	for i := range n {
		lane := uint8(i % 3)
		slab := open(&tuples[i], lane) >> slabBits
		if o, ok := owner[slab]; ok && o != lane {
			t.Fatalf("slab %d holds flows of lanes %d and %d", slab, o, lane)
		}
		owner[slab] = lane
		if i%5 == 4 {
			table.Delete(&tuples[i-4], 0)
		}
	}
	for i := range n {
		table.Delete(&tuples[i], 0)
	}
	had := s.slots()
	for i := range n / 2 {
		open(&tuples[n+i], Lanes+1) // lane 1 again
	}
	if grown := s.slots() - had; grown > (Lanes+1)*slabLen+n/2/8 {
		t.Errorf("a lane took %d new entries while others had plenty", grown)
	}
	if got := table.Len(); got != n/2 {
		t.Errorf("%d flows, want %d", got, n/2)
	}
}
