package offload

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// The kernel walks a set from its beginning for each 32 KiB of a dump (netlink_dump,
// nft_rhash_walk), so that to read one takes the square of its elements: 7 ms for 10,000 of
// them, 0.5 s for 100,000, 80 s for a million. So many flows are in several sets, which are
// told apart by a hash of addresses and ports.
const (
	// perShard is how many flows more than one shard is for.
	perShard  = 1 << 14
	maxShards = 1 << 7
)

// Shards is how many sets there are of each kind and family, a power of two.
func (c Config) Shards() int {
	n := 1
	for n < maxShards && uint32(n)*perShard < c.Flows {
		n *= 2
	}
	return n
}

// shards lists the sets of a kind and family.
func (c Config) shards(k Kind, f Family) (out []set) {
	for i := range c.Shards() {
		out = append(out, set{k, f, i})
	}
	return out
}

// shardSize is how many elements one set of a kind holds. They are not spread evenly.
func (c Config) shardSize(k Kind) uint32 {
	n := c.size(k)
	if s := uint32(c.Shards()); s > 1 {
		n /= s
		n += n/8 + 1
	}
	return n
}

// hashSeed is not known to those who choose ports.
var hashSeed = rand.Uint32() | 1 // the kernel chooses one of its own for 0

// hashLen is how much of a key the hash is of: addresses and ports, each part padded to four
// bytes.
func (f Family) hashLen() int { return 2*f.addressLen() + 2*wordLen }

// shardOf is the number of the shard that a key belongs to.
func (c Config) shardOf(f Family, key []byte) int {
	n := f.addressLen()
	b := make([]byte, 0, IPv6.hashLen())
	b = append(b, key[offAddress:offAddress+2*n]...)
	b = append(b, key[f.offProto()+wordLen:]...)
	// nft_jhash_eval scales by the upper bits (reciprocal_scale).
	return int(uint64(jenkins(b, hashSeed)) * uint64(c.Shards()) >> 32)
}

// jenkins is jhash of include/linux/jhash.h, for lengths that are multiples of four.
func jenkins(b []byte, seed uint32) uint32 {
	next := func() (w uint32) {
		w, b = binary.NativeEndian.Uint32(b), b[4:]
		return w
	}
	x := 0xdeadbeef + uint32(len(b)) + seed
	y, z := x, x
	for len(b) > 12 {
		x += next()
		y += next()
		z += next()
		x, y, z = mix(x, y, z)
	}
	if len(b) == 0 {
		return z
	}
	for _, part := range []*uint32{&x, &y, &z}[:len(b)/4] {
		*part += next()
	}
	return final(x, y, z)
}

// mix is __jhash_mix.
func mix(a, b, c uint32) (uint32, uint32, uint32) {
	for _, r := range [...]int{4, 6, 8, 16, 19, 4} {
		a = (a - c) ^ bits.RotateLeft32(c, r)
		c += b
		a, b, c = b, c, a
	}
	return a, b, c
}

// final is the result of __jhash_final.
func final(a, b, c uint32) uint32 {
	for _, r := range [...]int{14, 11, 25, 16, 4, 14, 24} {
		c = (c ^ b) - bits.RotateLeft32(b, r)
		a, b, c = b, c, a
	}
	return b
}
