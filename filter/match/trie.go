package match

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// stride is how many address bits one trie node decides: 64 slots are one word
// of bitmap. IPv4 needs at most 6 nodes, an IPv6 /64 needs 11.
const stride = 6

// trie finds the value of the longest prefix that covers an address: a
// multibit trie with two bitmaps a node, after "Poptrie" (Asai and Ohara,
// SIGCOMM 2015). It is frozen once built. Addresses are 128-bit keys with the
// first bit on top; IPv4 uses the upper 32 bits, so each family has a trie of
// its own (R20).
type trie struct {
	nodes  []trieNode
	leaves []uint32
}

// trieNode describes 64 slots. A slot with its bit in children goes on in a
// node, found by counting the bits below; any other ends in a leaf, and slots
// in a row with the same leaf share it, so runs has a bit where a leaf begins.
type trieNode struct {
	children, runs uint64
	node, leaf     uint32 // index of the first child and of the first leaf
}

// Key is an address as the trie reads it: the first bit on top of hi. An IPv4 address
// takes the upper 32 bits.
type Key struct{ Hi, Lo uint64 }

// shift drops the first n bits, 0 < n < 64.
func (k Key) shift(n uint) Key { return Key{Hi: k.Hi<<n | k.Lo>>(64-n), Lo: k.Lo << n} }

// slot returns the stride bits from bit off on.
func (k Key) slot(off int) int {
	if off < 64 {
		if off > 0 {
			k = k.shift(uint(off))
		}
		return int(k.Hi >> (64 - stride))
	}
	return int(k.Lo << (off - 64) >> (64 - stride))
}

// lookup returns the value of the longest prefix that covers k, 0 if none does.
func (t *trie) lookup(k Key) uint32 {
	if len(t.nodes) == 0 {
		return 0
	}
	n := &t.nodes[0]
	for {
		slot := k.Hi >> (64 - stride)
		upTo := uint64(2)<<slot - 1 // the bits of slots 0 to slot
		if n.children>>slot&1 == 0 {
			return t.leaves[n.leaf+uint32(bits.OnesCount64(n.runs&upTo))-1]
		}
		n = &t.nodes[n.node+uint32(bits.OnesCount64(n.children&upTo))-1]
		k = k.shift(stride)
	}
}

// trieEntry is one prefix with its value; bits counts from the top of the key.
type trieEntry struct {
	key   Key
	bits  int
	value uint32
}

// newTrie builds a trie of entries sorted by key and then by bits, each prefix
// once. Values are not 0.
func newTrie(entries []trieEntry) trie {
	if len(entries) == 0 {
		return trie{}
	}
	t := trie{nodes: make([]trieNode, 1, len(entries)+1), leaves: make([]uint32, 0, 2*len(entries)+1)}
	t.fill(0, entries, 0, 0)
	return t
}

// fill makes node decide the bits from off on for entries, which all lie in its
// range; covering is the value of the shorter prefix around them.
func (t *trie) fill(node int, entries []trieEntry, off int, covering uint32) {
	const slots = 1 << stride
	var (
		value    [slots]uint32
		below    [slots][]trieEntry
		children uint64
	)
	for s := range value {
		value[s] = covering
	}
	for i := 0; i < len(entries); {
		e := &entries[i]
		first := e.key.slot(off)
		if e.bits <= off+stride {
			// Sorted order puts a covering prefix before those inside it.
			for s := first; s < first+1<<(off+stride-e.bits); s++ {
				value[s] = e.value
			}
			i++
			continue
		}
		end := i + 1
		for end < len(entries) && entries[end].key.slot(off) == first {
			end++
		}
		below[first] = entries[i:end]
		children |= 1 << first
		i = end
	}

	n := trieNode{children: children, node: uint32(len(t.nodes)), leaf: uint32(len(t.leaves))}
	run := false
	for s, v := range value {
		if children>>s&1 != 0 {
			continue
		}
		if last := len(t.leaves) - 1; !run || t.leaves[last] != v {
			t.leaves = append(t.leaves, v)
			n.runs |= 1 << s
			run = true
		}
	}
	t.nodes[node] = n
	t.nodes = append(t.nodes, make([]trieNode, bits.OnesCount64(children))...)
	child := int(n.node)
	for s := range below {
		if children>>s&1 != 0 {
			t.fill(child, below[s], off+stride, value[s])
			child++
		}
	}
}

// PrefixKey returns the key and length of a canonical prefix, never an IPv4-mapped one.
func PrefixKey(p netip.Prefix) (Key, int) {
	if a := p.Addr(); a.Is4() {
		b := a.As4()
		return Key{Hi: uint64(binary.BigEndian.Uint32(b[:])) << 32}, p.Bits()
	}
	b := p.Addr().As16()
	return Key{Hi: binary.BigEndian.Uint64(b[:8]), Lo: binary.BigEndian.Uint64(b[8:])}, p.Bits()
}

// Contains reports whether the prefix of n bits at k covers other.
func (k Key) Contains(n int, other Key) bool {
	switch {
	case n == 0:
		return true
	case n <= 64:
		return (k.Hi^other.Hi)>>(64-n) == 0
	default:
		return k.Hi == other.Hi && (k.Lo^other.Lo)>>(128-n) == 0
	}
}
