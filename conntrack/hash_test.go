package conntrack

import (
	"math/bits"
	"testing"
)

// TestEqual: two tuples are equal only if every field is.
func TestEqual(t *testing.T) {
	base := NewTuple(3, Ingress, ProtoTCP, Addr{1, 2}, Addr{3, 4}, 5, 6)
	if same := base; !base.equal(&same) {
		t.Error("a tuple does not equal itself")
	}
	for name, change := range map[string]func(*Tuple){
		"Local.Hi":   func(k *Tuple) { k.Local.Hi++ },
		"Local.Lo":   func(k *Tuple) { k.Local.Lo++ },
		"Remote.Hi":  func(k *Tuple) { k.Remote.Hi++ },
		"Remote.Lo":  func(k *Tuple) { k.Remote.Lo++ },
		"LocalPort":  func(k *Tuple) { k.LocalPort++ },
		"RemotePort": func(k *Tuple) { k.RemotePort++ },
		"protocol":   func(k *Tuple) { k.meta ^= ProtoTCP ^ ProtoUDP },
		"scope":      func(k *Tuple) { k.meta += 1 << 8 },
	} {
		other := base
		change(&other)
		if base.equal(&other) || other.equal(&base) {
			t.Errorf("equal though %s differs", name)
		}
		key := newHashKey([2]uint64{1, 2})
		if key.hash(&base) == key.hash(&other) {
			t.Errorf("same hash though %s differs", name)
		}
	}
}

// TestHashSpread: tuples that differ in a few bits are spread evenly over shards, groups
// and tags, and each seed spreads them differently.
func TestHashSpread(t *testing.T) {
	const n = 1 << 14
	key := newHashKey([2]uint64{1, 2})
	local := Addr4([4]byte{192, 0, 2, 1})
	for name, tuple := range map[string]func(i int) Tuple{
		"hosts": func(i int) Tuple {
			remote := Addr4([4]byte{10, 0, byte(i >> 8), byte(i)})
			return NewTuple(1, Ingress, ProtoTCP, remote, local, 40000, 443)
		},
		"ports": func(i int) Tuple {
			return NewTuple(1, Ingress, ProtoTCP, Addr4([4]byte{10, 0, 0, 1}), local, uint16(i), 443)
		},
		"IPv6 networks": func(i int) Tuple {
			remote := Addr{0x20010db8<<32 | uint64(i), 1}
			return NewTuple(1, Ingress, ProtoTCP, remote, Addr{0x20010db8 << 32, 1}, 40000, 443)
		},
		"scopes": func(i int) Tuple {
			return NewTuple(Scope(i), Ingress, 47, Addr4([4]byte{10, 0, 0, 1}), local, 0, 0)
		},
	} {
		var shards, firsts, seconds [64]int
		var tags [256]int
		for i := range n {
			k := tuple(i)
			h := key.hash(&k)
			shards[h>>58]++
			firsts[firstBits(h)%64]++
			seconds[secondBits(h)%64]++
			tags[tagOf(h)]++
		}
		for what, counts := range map[string][]int{
			"shard": shards[:], "group": firsts[:], "second group": seconds[:], "tag": tags[2:],
		} {
			mean := n >> bits.Len(uint(len(counts)-1)) // six standard deviations are below mean/2
			for i, c := range counts {
				if c < mean/4 || c > mean*7/4 {
					t.Errorf("%s: %s %d has %d of %d, want about %d", name, what, i, c, n, mean)
				}
			}
		}
	}

	a, b := newHashKey([2]uint64{}), newHashKey([2]uint64{})
	if a == b {
		t.Error("two random keys are equal")
	}
	if newHashKey([2]uint64{1, 2}) != key || newHashKey([2]uint64{2, 1}) == key {
		t.Error("the key does not follow from the seed")
	}
}
