package space

import (
	"slices"

	"sgfw/policy"
)

// Cover says that a rule permits nothing but what others permit.
type Cover struct {
	// Rule is the covered rule's place among those that were asked about.
	Rule int
	// By are the places of rules that permit together all that it does, none of which could
	// be left out. There is one if one is enough, and none if the rule permits nothing at all.
	By []int
}

// Covered returns the rules that permit nothing but what the others together permit. Of two
// that permit the same, both are covered, each by the other. Rules are those of one
// direction: of one group, or of all on an interface.
func (r *Reading) Covered(rules []policy.Rule) (out []Cover) {
	boxes := make([]layer, len(rules))
	for i := range rules {
		boxes[i] = layer{RuleSpan(&rules[i]), r.Peers(&rules[i])}
	}
	twice := twice(boxes)
	for i, b := range boxes {
		if b.peers.Empty() {
			out = append(out, Cover{Rule: i})
		} else if twice.Covers(Box(b.Span, b.peers)) {
			out = append(out, Cover{i, coverers(boxes, i)})
		}
	}
	return out
}

// twice returns what at least two boxes permit.
func twice(boxes []layer) (out Set) {
	eachPiece(slices.Clone(boxes), func(s Span, open []layer) { out = out.with(s, shared(open)) })
	return out
}

// shared are the peers of at least two boxes; atoms are in all addresses, too.
func shared(boxes []layer) Peers {
	if len(boxes) < 2 {
		return Peers{}
	}
	every := together(boxes)
	var v4, v6 []addressRange
	count := make(map[Atom]int)
	var atoms []Atom
	for _, b := range boxes {
		v4, v6 = append(v4, b.peers.v4...), append(v6, b.peers.v6...)
		for _, a := range b.peers.atoms {
			if count[a]++; count[a] == 2 || count[a] == 1 && every.every(a.Family) {
				atoms = append(atoms, a)
			}
		}
	}
	out := Peers{v4: overlaps(v4), v6: overlaps(v6)}
	out.atoms = out.without(atoms)
	return out
}

// overlaps are the addresses of at least two ranges, which it reorders.
func overlaps(ranges []addressRange) (out addresses) {
	slices.SortFunc(ranges, func(a, b addressRange) int { return a.lo.compare(b.lo) })
	for i, r := range ranges {
		if i == 0 {
			continue
		}
		furthest := &ranges[i-1] // of those before; its end moves along
		end := r.hi
		if furthest.hi.less(end) {
			end = furthest.hi
		} else {
			ranges[i].hi = furthest.hi
		}
		if !end.less(r.lo) {
			out = out.add(addressRange{r.lo, end})
		}
	}
	return out
}

// coverers finds others that permit together what box i does.
func coverers(boxes []layer, i int) (by []int) {
	all := Box(boxes[i].Span, boxes[i].peers)
	rest, others := all, []int{}
	for j, b := range boxes {
		if j == i || b.Hi < boxes[i].Lo || b.Lo > boxes[i].Hi {
			continue
		}
		box := Box(b.Span, b.peers)
		if box.Covers(all) {
			return []int{j}
		}
		others = append(others, j)
		if less := rest.Minus(box); !less.Equal(rest) {
			by, rest = append(by, j), less
		}
	}
	if !rest.Empty() {
		by = others // every address, which atoms are in, may need several
	}
	// Whoever is not needed goes, the last ones first.
	for k := len(by) - 1; k >= 0; k-- {
		fewer := slices.Delete(slices.Clone(by), k, k+1)
		union := make([]layer, len(fewer))
		for n, j := range fewer {
			union[n] = boxes[j]
		}
		if unionOf(union).Covers(all) {
			by = fewer
		}
	}
	return by
}
