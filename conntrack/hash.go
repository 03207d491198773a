package conntrack

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// hashKey makes the hash of one table unpredictable, so that nobody can choose
// tuples that collide.
type hashKey [4]uint64

// newHashKey spreads a two-word seed over four words; a zero seed means a
// random one.
func newHashKey(seed [2]uint64) hashKey {
	if seed == [2]uint64{} {
		var b [16]byte
		rand.Read(b[:]) // never fails (crypto/rand since Go 1.24)
		seed[0], seed[1] = binary.NativeEndian.Uint64(b[:8]), binary.NativeEndian.Uint64(b[8:])
	}
	var k hashKey
	s := seed[0]
	for i := range k {
		// splitmix64 (Steele, Lea, Flood 2014), with the second word mixed in.
		s += 0x9e3779b97f4a7c15
		z := s ^ bits.RotateLeft64(seed[1], 16*i)
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		k[i] = z ^ z>>31
	}
	return k
}

// hash mixes the five words of a tuple by folded 128-bit products, as wyhash does.
// Its top bits name the shard. Below them eight bits are the tag that the index
// stores, and the low 48 bits name two groups of the index.
func (k *hashKey) hash(t *Tuple) uint64 {
	w := uint64(t.LocalPort)<<48 | uint64(t.RemotePort)<<32 | uint64(t.meta)
	a := fold(t.Local.Lo^k[0], t.Remote.Lo^k[1])
	b := fold(t.Local.Hi^k[2], t.Remote.Hi^k[3])
	return fold(a^w^k[2], b^k[1])
}

// fold multiplies to 128 bits and XORs the two halves.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// equal is t == o, inlined, and compares the words that differ most often first.
func (t *Tuple) equal(o *Tuple) bool {
	return t.Remote.Lo == o.Remote.Lo &&
		t.LocalPort == o.LocalPort && t.RemotePort == o.RemotePort &&
		t.Local.Lo == o.Local.Lo &&
		t.meta == o.meta &&
		t.Remote.Hi == o.Remote.Hi && t.Local.Hi == o.Local.Hi
}
