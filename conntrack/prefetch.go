package conntrack

import "unsafe"

// Seek and Fetch bring what [Table.Lock] will touch towards the processor, in two
// steps: for a batch of packets, Seek each tuple first and then Fetch each hash.
// With a hundred thousand flows most of a packet's time is the wait for two
// places in memory, and processors wait for many at a time as well as for one.
// Both only hint; they change nothing and may be wrong.

// Seek asks for the groups of the index that may hold a tuple.
func (t *Table) Seek(k *Tuple) (hash uint64) {
	h := t.hash.hash(k)
	x := t.shards[h>>t.shardShift].index.Load()
	a, b := x.places(h)
	prefetch(unsafe.Pointer(&x.groups[a]))
	prefetch(unsafe.Pointer(&x.groups[b]))
	return h
}

// Fetch asks for the entry that the hash of Seek leads to.
func (t *Table) Fetch(hash uint64) {
	s := &t.shards[hash>>t.shardShift]
	if i := s.index.Load().candidate(hash); i != 0 {
		if f := s.peek(i); f != nil {
			prefetch(unsafe.Pointer(f))
			prefetch(unsafe.Add(unsafe.Pointer(f), unsafe.Sizeof(*f)-1))
		}
	}
}
