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
	boxes = slices.Clone(boxes)
	eachPiece(boxes, func(s Span, open []layer) {
		var once, both Peers
		// Addresses first: atoms are in them if they are all addresses.
		for _, b := range open {
			p := Peers{v4: b.peers.v4, v6: b.peers.v6}
			both, once = both.Union(once.Intersect(p)), once.Union(p)
		}
		for _, b := range open {
			p := Peers{atoms: b.peers.atoms}
			both, once = both.Union(once.Intersect(p)), once.Union(p)
		}
		out = out.with(s, both)
	})
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
