package space

import (
	"slices"

	"sgfw/policy"
)

// node is a CIDR of which more than one part matters, or all of whose addresses have the
// same selectors: then it is a leaf. CIDRs half of which has nothing are left out.
type node struct {
	at          key
	bits        int
	common      spans // selectors that all addresses have
	left, right *node // nil for a leaf
}

func (n *node) leaf() bool { return n.left == nil }

func (n *node) addresses() addressRange { return addressRange{n.at, n.at.or(tail(n.bits))} }

// row is a range of addresses that have the same selectors.
type row struct {
	addressRange
	has spans
}

// rows turns the part of a set that has addresses of a family: by address instead of by
// selector. Addresses that have nothing are left out.
func (s Set) rows(f policy.Family) (out []row) {
	var starts []key
	for _, l := range s.layers {
		for _, r := range l.peers.of(f) {
			starts = append(starts, r.lo)
			if r.hi != lastKey {
				starts = append(starts, r.hi.next())
			}
		}
	}
	slices.SortFunc(starts, key.compare)
	starts = slices.Compact(starts)
	has := make([]spans, len(starts))
	for _, l := range s.layers {
		for _, r := range l.peers.of(f) {
			i, _ := slices.BinarySearchFunc(starts, r.lo, key.compare)
			for ; i < len(starts) && !r.hi.less(starts[i]); i++ {
				has[i] = has[i].add(l.Span)
			}
		}
	}
	for i, lo := range starts {
		hi := lastKey
		if i+1 < len(starts) {
			hi = starts[i+1].previous()
		}
		if n := len(out); n > 0 && out[n-1].hi.next() == lo && slices.Equal(out[n-1].has, has[i]) {
			out[n-1].hi = hi
		} else if len(has[i]) > 0 {
			out = append(out, row{addressRange{lo, hi}, has[i]})
		}
	}
	return out
}

// grow makes the tree of the CIDR of n bits at a key, in which all rows begin or end. It is
// nil if no address has anything.
func grow(at key, bits int, rows []row) *node {
	n := &node{at: at, bits: bits}
	switch r := n.addresses(); {
	case len(rows) == 0:
		return nil
	case rows[0].contains(r):
		n.common = rows[0].has
		return n
	}
	middle := at.or(bit(bits))
	first, _ := slices.BinarySearchFunc(rows, middle,
		func(r row, k key) int { return r.lo.compare(k) })
	end := first // rows up to here begin in the left half
	if first > 0 && !rows[first-1].hi.less(middle) {
		first-- // this one is in both
	}
	left, right := grow(at, bits+1, rows[:end]), grow(middle, bits+1, rows[first:])
	switch {
	case left == nil:
		return right
	case right == nil:
		return left
	}
	n.left, n.right = left, right
	if left.bits == bits+1 && right.bits == bits+1 { // else there are addresses without anything
		n.common = left.common.intersect(right.common)
	}
	return n
}
