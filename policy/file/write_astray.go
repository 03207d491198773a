package file

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"sgfw/policy"
)

// maxAstray is how many texts of positions without a part stand above one part. A large
// source may leave out thousands of things.
const maxAstray = 20

// settle gives texts whose position no part has to the part that comes next in the same
// source; behind the last one to that, and to the top if nothing is of that source. They
// say where they belong, since the part that they stand above is another one.
func (w *writer) settle(p *policy.Policy) {
	if len(w.comments) == 0 {
		return
	}
	places := w.places(p)
	astray := slices.DeleteFunc(slices.SortedFunc(maps.Keys(w.comments), before),
		func(pos policy.Pos) bool { return pos == policy.Pos{} || places.has(pos) })
	texts := make(map[policy.Pos][]string)
	for _, pos := range astray {
		to := places.next(pos)
		for _, text := range w.comments[pos] {
			texts[to] = append(texts[to], fmt.Sprintf("%s: %s", pos, text))
		}
		delete(w.comments, pos)
	}
	for to, list := range texts {
		if n := len(list) - maxAstray; n > 0 {
			list = append(list[:maxAstray:maxAstray], fmt.Sprintf("and %d more of this kind", n))
		}
		if (to == policy.Pos{}) {
			w.comments[to] = append(slices.Clone(w.comments[to]), list...)
		} else {
			w.comments[to] = append(list, w.comments[to]...)
		}
	}
}

// places are the positions of parts that a comment may stand above, in order.
type places []policy.Pos

// places returns those of a policy. A rule that is not written, for it is usual, is none.
func (w *writer) places(p *policy.Policy) places {
	var out places
	for i := range p.PrefixLists {
		out = append(out, p.PrefixLists[i].Pos)
		for _, e := range p.PrefixLists[i].Entries {
			out = append(out, e.Pos)
		}
	}
	for i := range p.Groups {
		out = append(out, w.placesOf(&p.Groups[i])...)
	}
	for i := range p.NetworkACLs {
		n := &p.NetworkACLs[i]
		out = append(out, n.Pos)
		for _, r := range slices.Concat(n.Ingress, n.Egress) {
			out = append(out, r.Pos)
		}
	}
	for i := range p.Interfaces {
		out = append(out, p.Interfaces[i].Pos)
	}
	for i := range p.Remotes {
		out = append(out, p.Remotes[i].Pos)
	}
	slices.SortFunc(out, before)
	return slices.Compact(out)
}

// placesOf returns those of a group.
func (w *writer) placesOf(g *policy.Group) (out places) {
	in, eg := g.Ingress, g.Egress
	if w.usual(eg, policy.DefaultEgress()) {
		eg = nil
	}
	if g.Default {
		if w.usual(in, policy.DefaultIngress()) {
			in = nil
		}
		if in == nil && eg == nil && len(g.Tags) == 0 {
			return nil // it is not written
		}
	}
	out = append(out, g.Pos)
	for _, rules := range [][]policy.Rule{in, eg} {
		for i := range rules {
			out = append(out, rules[i].Pos)
		}
	}
	return out
}

// has reports whether a part is at a position.
func (l places) has(pos policy.Pos) bool {
	_, there := slices.BinarySearchFunc(l, pos, before)
	return there
}

// next is the part behind a position of the same source, or the last one before it; the
// zero position if there is neither.
func (l places) next(pos policy.Pos) policy.Pos {
	i, _ := slices.BinarySearchFunc(l, pos, before)
	if i < len(l) && l[i].File == pos.File {
		return l[i]
	}
	if i > 0 && l[i-1].File == pos.File {
		return l[i-1]
	}
	return policy.Pos{}
}

// before orders positions by source, line and column.
func before(a, b policy.Pos) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Col, b.Col))
}
