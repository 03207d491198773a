package nftables

import (
	"slices"

	"sgfw/policy/chains"
	"sgfw/policy/convert/tree"
)

// concat is a condition on several things at once: one of the elements has a value for each.
type concat struct {
	left  []*tree.Node
	elems [][]*tree.Node
}

// concat reads such a condition. It becomes a rule for each element, when the rule is finished.
func (r *reading) concat(left *tree.Node, not bool, right *tree.Node) {
	if not {
		r.unsaid("it asks for all combinations but some")
		return
	}
	elems, ok := r.elements(right)
	if !ok {
		return
	}
	l := concat{left: left.List()}
	for _, e := range elems {
		one := e.Get("concat").List()
		if one == nil || len(one) != len(l.left) {
			r.errorf(e.Pos(r.file), "", "%s is no combination of %d values", say(e), len(l.left))
			return
		}
		l.elems = append(l.elems, one)
	}
	r.concats = append(r.concats, l)
}

// expand is what a rule with such conditions becomes.
func (r *reading) expand() (out []chains.Rule) {
	l := r.concats[0]
	for _, e := range l.elems {
		if r.read++; r.tooMany() {
			return nil
		}
		one := *r
		one.rule.Match.Devices = slices.Clone(r.rule.Match.Devices)
		one.concats = r.concats[1:]
		for i, left := range l.left {
			one.match(left, "==", e[i])
		}
		for _, rule := range one.finish() {
			if !rule.Match.Never {
				out = append(out, rule)
			}
		}
	}
	return out
}

// pairs are the keys and verdicts of a map; known is false if it changes by itself or is not
// here.
func (rs *ruleset) pairs(at place, data *tree.Node) (elems []*tree.Node, known bool) {
	if data == nil {
		return nil, false
	}
	set := data.Get("set")
	if len(data.Text) > 0 && data.Text[0] == '@' {
		s := rs.sets[place{at.family, at.table, data.Text[1:]}]
		if s == nil || s.changes {
			return nil, false
		}
		set = s.elems
	}
	if set == nil {
		return nil, true
	}
	return set.List(), set.Kind == tree.List
}

// pair parts an element of a map of verdicts; verdict is nil if it is none.
func pair(elem *tree.Node) (key, verdict, to *tree.Node) {
	p := elem.List()
	if len(p) != 2 {
		return nil, nil, nil
	}
	verdict, to = p[1].Only()
	return p[0], verdict, to
}
