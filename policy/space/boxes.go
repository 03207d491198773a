package space

import (
	"cmp"
	"encoding/binary"
	"slices"

	"sgfw/policy"
)

// box is a form with the addresses of a CIDR: what one rule permits, or a line says.
type box struct {
	form form
	at   key
	bits int
}

func (b *box) addresses() addressRange { return addressRange{b.at, b.at.or(tail(b.bits))} }

// anyone are the rules for every address, 0.0.0.0/0 or ::/0, which have a meaning beside
// the packets that they permit: flows of TCP and UDP stay untracked by them (T2).
type anyone struct {
	// opening are the selectors of TCP and UDP that such rules permit.
	opening spans
	// returning says of TCP and UDP whether one such rule permits all ports.
	returning map[policy.Protocol]bool
}

// flows are the protocols whose flows can be untracked (T4).
var flows = []policy.Protocol{policy.TCP, policy.UDP}

// anyoneOf returns what the rules for every address of a family open.
func anyoneOf(rules []policy.Rule, f policy.Family) *anyone {
	a := &anyone{returning: make(map[policy.Protocol]bool)}
	for i := range rules {
		r := &rules[i]
		if r.Peer.Kind != policy.PeerCIDR || r.Peer.CIDR.Bits() != 0 ||
			policy.FamilyOf(r.Peer.CIDR) != f {
			continue
		}
		for _, p := range flows {
			part := spans{RuleSpan(r)}.protocol(p)
			a.opening = a.opening.union(part)
			a.returning[p] = a.returning[p] || part.covers(spanOf(p))
		}
	}
	return a
}

// may returns the selectors that rules for every address may have, so that they leave no
// more flows untracked.
func (a *anyone) may(l spans) spans {
	others := l
	for _, p := range flows {
		others = others.minus(spans{spanOf(p)})
	}
	return others.union(l.intersect(a.opening))
}

// forms returns the widest forms of such rules, for which all ports of a protocol are no
// form unless one of the rules had it.
func (a *anyone) forms(l spans, of func(spans) []form) (out []form) {
	if !a.returning[policy.TCP] || !a.returning[policy.UDP] {
		l = l.minus(spans{spanOf(Portless.Protocol())}) // no rule for all protocols
	}
	for _, f := range of(l) {
		p := f[0].Lo.Protocol()
		if f[0] == spanOf(p) && p.HasPorts() && !a.returning[p] {
			out = append(out, form{{f[0].Lo, f[0].Hi - 1}}, form{{f[0].Lo + 1, f[0].Hi}})
		} else {
			out = append(out, f)
		}
	}
	return out
}

// puzzle is the problem to put together a set of one family with as few boxes as possible.
type puzzle struct {
	forms func(spans) []form
	// anyone bounds the boxes of every address; nil if they mean no more than the others.
	anyone *anyone
	// boxes are the widest: each box that could be part of a solution is in one.
	boxes []box
	cells []cell
	seen  map[string]bool // cells
}

// solve returns boxes that are the set together, and whether no fewer are.
func (s Set) solve(f policy.Family, p puzzle) ([]box, bool) {
	root := grow(key{}, 0, s.rows(f))
	if root == nil {
		return nil, true
	}
	p.seen = make(map[string]bool)
	p.visit(root, &above{})
	chosen, proved := cover(p.cells)
	slices.Sort(chosen)
	out := make([]box, len(chosen))
	for i, c := range chosen {
		out[i] = p.boxes[c]
	}
	return out, proved
}

// above is what nodes with the same selectors below one another have in common.
type above struct {
	common spans
	forms  []form
	boxes  []int32 // numbers of their boxes, and of those above them
	cut    bool    // into cells
}

// visit finds the widest boxes of a node and all below.
func (p *puzzle) visit(n *node, up *above) {
	bounded := p.anyone != nil && n.bits == 0
	here := up
	if bounded || !slices.Equal(n.common, up.common) {
		here = &above{common: n.common, boxes: slices.Clone(up.boxes)}
		if bounded {
			here.common = p.anyone.may(n.common)
			here.forms = p.anyone.forms(here.common, p.forms)
		} else {
			here.forms = p.forms(n.common)
		}
		for _, f := range here.forms {
			if !inOne(up.forms, f) {
				here.boxes = append(here.boxes, int32(len(p.boxes)))
				p.boxes = append(p.boxes, box{f, n.at, n.bits})
			}
		}
	}
	left, right := n.left, n.right
	if bounded {
		p.cut(p.anyone.opening, here.boxes)
		here.common = nil // all ports may be no form here, and one below
		if n.leaf() {     // its halves may have more
			left = &node{at: n.at, bits: 1, common: n.common}
			right = &node{at: n.at.or(bit(0)), bits: 1, common: n.common}
		}
	}
	if left != nil {
		p.visit(left, here)
		p.visit(right, here)
	} else if !here.cut {
		here.cut = true
		p.cut(n.common, here.boxes)
	}
}

// inOne reports whether a form is in one of others, which are in the order of their
// beginnings; at most two of them overlap.
func inOne(others []form, f form) bool {
	if len(others) == 1 {
		return others[0].contains(f)
	}
	i, there := slices.BinarySearchFunc(others, f[0].Lo, func(o form, lo Selector) int {
		return cmp.Compare(o[0].Lo, lo)
	})
	return there && others[i].contains(f) || i > 0 && others[i-1].contains(f)
}

// cut makes cells of selectors: pieces that boxes have as a whole or not at all.
func (p *puzzle) cut(l spans, boxes []int32) {
	type part struct {
		Span
		box int32
	}
	var parts []part
	var borders []Selector
	for _, b := range boxes {
		for _, s := range p.boxes[b].form {
			parts = append(parts, part{s, b})
			borders = append(borders, s.Lo, s.Hi+1)
		}
	}
	for _, s := range l {
		borders = append(borders, s.Lo, s.Hi+1)
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.Lo, b.Lo) })
	slices.Sort(borders)
	var open []part
	next, at := 0, 0
	for _, border := range slices.Compact(borders) {
		open = slices.DeleteFunc(open, func(o part) bool { return o.Hi < border })
		for ; next < len(parts) && parts[next].Lo == border; next++ {
			open = append(open, parts[next])
		}
		for at < len(l) && l[at].Hi < border {
			at++
		}
		if at == len(l) || l[at].Lo > border {
			continue
		}
		c := make(cell, len(open))
		for i, o := range open {
			c[i] = o.box
		}
		p.add(c)
	}
}

// add adds a cell unless it is there.
func (p *puzzle) add(c cell) {
	slices.Sort(c)
	name := make([]byte, 0, 4*len(c))
	for _, b := range c {
		name = binary.LittleEndian.AppendUint32(name, uint32(b))
	}
	if !p.seen[string(name)] {
		p.seen[string(name)] = true
		p.cells = append(p.cells, c)
	}
}
