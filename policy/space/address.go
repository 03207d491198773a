package space

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"sgfw/policy"
)

// key is an address with its first bit on top. An IPv4 address takes the upper 32 bits and
// stands for all keys that begin so: then ranges of both families are ranges of keys.
type key struct{ hi, lo uint64 }

var lastKey = key{^uint64(0), ^uint64(0)}

func (k key) less(o key) bool { return k.hi < o.hi || k.hi == o.hi && k.lo < o.lo }

func (k key) compare(o key) int {
	switch {
	case k.less(o):
		return -1
	case k == o:
		return 0
	}
	return 1
}

// next is the key after k; of the last one it is the first.
func (k key) next() key {
	lo, carry := bits.Add64(k.lo, 1, 0)
	return key{k.hi + carry, lo}
}

func (k key) previous() key {
	lo, borrow := bits.Sub64(k.lo, 1, 0)
	return key{k.hi - borrow, lo}
}

// tail has ones behind the first n bits.
func tail(n int) key {
	switch {
	case n <= 0:
		return lastKey
	case n < 64:
		return key{^uint64(0) >> n, ^uint64(0)}
	}
	return key{0, ^uint64(0) >> (n - 64)} // a shift by 64 gives 0
}

// bit is the key with the bit n alone, counted from the top.
func bit(n int) key {
	if n < 64 {
		return key{hi: 1 << (63 - n)}
	}
	return key{lo: 1 << (127 - n)}
}

func (k key) or(o key) key { return key{k.hi | o.hi, k.lo | o.lo} }

// trailingZeros counts the bits at the end that are 0.
func (k key) trailingZeros() int {
	if k.lo != 0 {
		return bits.TrailingZeros64(k.lo)
	}
	return 64 + bits.TrailingZeros64(k.hi)
}

func keyOf(a netip.Addr) key {
	if a.Is4() {
		b := a.As4()
		return key{hi: uint64(binary.BigEndian.Uint32(b[:])) << 32}
	}
	b := a.As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (k key) prefix(f policy.Family, n int) netip.Prefix {
	if f == policy.IPv4 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(k.hi>>32))
		return netip.PrefixFrom(netip.AddrFrom4(b), n)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.hi)
	binary.BigEndian.PutUint64(b[8:], k.lo)
	return netip.PrefixFrom(netip.AddrFrom16(b), n)
}

// span of addresses, both ends included.
type addressRange struct{ lo, hi key }

func rangeOf(p netip.Prefix) addressRange {
	k := keyOf(p.Masked().Addr())
	return addressRange{k, k.or(tail(p.Bits()))}
}

func (r addressRange) contains(o addressRange) bool {
	return !o.lo.less(r.lo) && !r.hi.less(o.hi)
}

// addresses are disjoint ranges of one family in ascending order that do not touch.
type addresses []addressRange

var everyAddress = addresses{{key{}, lastKey}}

func (l addresses) every() bool { return len(l) == 1 && l[0] == everyAddress[0] }

// add appends a range that begins no earlier than the last one.
func (l addresses) add(r addressRange) addresses {
	if n := len(l); n > 0 && (l[n-1].hi == lastKey || !l[n-1].hi.next().less(r.lo)) {
		if l[n-1].hi.less(r.hi) {
			l[n-1].hi = r.hi
		}
		return l
	}
	return append(l, r)
}

// collect makes addresses of ranges in any order, which it reorders.
func collect(ranges []addressRange) (out addresses) {
	if len(ranges) == 1 {
		return addresses{ranges[0]}
	}
	slices.SortFunc(ranges, func(a, b addressRange) int { return a.lo.compare(b.lo) })
	for _, r := range ranges {
		out = out.add(r)
	}
	return out
}

func (l addresses) union(o addresses) (out addresses) {
	switch {
	case len(l) == 0 || o.every():
		return o
	case len(o) == 0 || l.every():
		return l
	}
	for i, j := 0, 0; i < len(l) || j < len(o); {
		if j == len(o) || i < len(l) && l[i].lo.less(o[j].lo) {
			out = out.add(l[i])
			i++
		} else {
			out = out.add(o[j])
			j++
		}
	}
	return out
}

func (l addresses) intersect(o addresses) (out addresses) {
	switch {
	case l.every():
		return o
	case o.every():
		return l
	}
	for i, j := 0, 0; i < len(l) && j < len(o); {
		r := addressRange{lo: l[i].lo, hi: l[i].hi}
		if r.lo.less(o[j].lo) {
			r.lo = o[j].lo
		}
		if o[j].hi.less(r.hi) {
			r.hi = o[j].hi
		}
		if !r.hi.less(r.lo) {
			out = append(out, r)
		}
		if l[i].hi.less(o[j].hi) {
			i++
		} else {
			j++
		}
	}
	return out
}

func (l addresses) minus(o addresses) (out addresses) {
	if len(o) == 0 || len(l) == 0 {
		return l
	}
	// What lies before all of the others stays as it is, as does what lies behind them.
	first, _ := slices.BinarySearchFunc(l, o[0].lo,
		func(r addressRange, k key) int { return r.hi.compare(k) })
	out = append(make(addresses, 0, len(l)+len(o)), l[:first]...)
	j := 0
	for i := first; i < len(l); i++ {
		r := l[i]
		for j < len(o) && o[j].hi.less(r.lo) {
			j++
		}
		if j == len(o) {
			return append(out, l[i:]...)
		}
		lo, rest := r.lo, true
		for k := j; k < len(o) && !r.hi.less(o[k].lo); k++ {
			if lo.less(o[k].lo) {
				out = append(out, addressRange{lo, o[k].lo.previous()})
			}
			if !o[k].hi.less(r.hi) {
				rest = false
				break
			}
			lo = o[k].hi.next()
		}
		if rest {
			out = append(out, addressRange{lo, r.hi})
		}
	}
	return out
}

// prefixes returns the fewest CIDRs that have the same addresses.
func (l addresses) prefixes(f policy.Family) (out []netip.Prefix) {
	l.blocks(func(lo key, n int) { out = append(out, lo.prefix(f, n)) })
	return out
}

// blocks are the largest that begin at an address and have their first n bits in common.
func (l addresses) blocks(add func(lo key, n int)) {
	for _, r := range l {
		for lo := r.lo; ; {
			// The largest block that begins here and ends in time.
			n := 128 - lo.trailingZeros()
			if lo == (key{}) {
				n = 0
			}
			for r.hi.less(lo.or(tail(n))) {
				n++
			}
			add(lo, n)
			end := lo.or(tail(n))
			if end == r.hi {
				break
			}
			lo = end.next()
		}
	}
}

// share returns which part of all addresses of a family these are, 0 to 1.
func (l addresses) share() float64 {
	n := 0.0
	for _, r := range l {
		lo, borrow := bits.Sub64(r.hi.lo, r.lo.lo, 0)
		hi, _ := bits.Sub64(r.hi.hi, r.lo.hi, borrow)
		n += float64(hi)*0x1p-64 + (float64(lo)+1)*0x1p-128
	}
	return n
}
