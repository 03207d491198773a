package conntrack

import "unsafe"

// Seek and Fetch prefetch what [Table.Lock] will read, in two steps: for a batch of
// packets, Seek each tuple first and then Fetch each hash. With 100,000 flows a packet
// mostly waits for two cache misses, and a processor waits for many misses at once as
// well as for one. Both are hints only: they change nothing and may miss.

// Seek prefetches the groups of the index that may hold a tuple. It returns the hash
// for Fetch.
func (t *Table) Seek(k *Tuple) (hash uint64) {
	h := t.hash.hash(k)
	x := t.shards[h>>t.shardShift].index.Load()
	a, b := x.places(h)
	prefetch(unsafe.Pointer(&x.groups[a]))
	prefetch(unsafe.Pointer(&x.groups[b]))
	return h
}

// Fetch prefetches the entry that a hash of Seek leads to.
func (t *Table) Fetch(hash uint64) {
	s := &t.shards[hash>>t.shardShift]
	if i := s.index.Load().candidate(hash); i != 0 {
		if f := s.peek(i); f != nil {
			prefetch(unsafe.Pointer(f))
			prefetch(unsafe.Add(unsafe.Pointer(f), unsafe.Sizeof(*f)-1))
		}
	}
}
