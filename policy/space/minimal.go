package space

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"sgfw/policy"
)

// Minimal returns rules that permit what the rules of one direction of a group do, in as few
// rules as possible, and whether it is proved that no fewer would do: finding them is
// NP-hard, and the search is bounded. Else none of the rules can be left out.
//
// Lists and groups stay what they are called: the meaning is the same whatever they hold.
// And the same flows stay untracked where tracking is as in AWS, for which a rule for
// 0.0.0.0/0 or ::/0 counts as such (T2): none comes to be, wider than those that are there,
// and none is replaced by several.
//
// Rules that stay are as they were. One that stands for several has their descriptions, as
// far as they fit, and the position of the first.
func (r *Reading) Minimal(rules []policy.Rule) (out []policy.Rule, proved bool) {
	r = r.asNames()
	set := r.Set(rules...)
	proved = true
	for _, f := range []policy.Family{policy.IPv4, policy.IPv6} {
		open := anyoneOf(rules, f)
		boxes, best := set.solve(f, puzzle{forms: ruleForms, anyone: open})
		proved = proved && best
		k := keeper{family: f, open: open, boxes: boxes, rules: of(rules, f)}
		out = append(out, k.keep()...)
	}
	out = append(out, r.atomRules(rules, set)...)
	if len(out) >= len(rules) {
		return rules, proved
	}
	slices.SortStableFunc(out, func(a, b policy.Rule) int {
		return cmp.Compare(place(rules, &a), place(rules, &b))
	})
	return out, proved
}

func (r *Reading) asNames() *Reading {
	names := *r
	names.byName, names.members, names.known = true, nil, map[peerID]Peers{}
	return &names
}

// of returns the rules whose peers are CIDRs of a family.
func of(rules []policy.Rule, f policy.Family) (out []policy.Rule) {
	for _, r := range rules {
		if r.Peer.Kind == policy.PeerCIDR && policy.FamilyOf(r.Peer.CIDR) == f {
			out = append(out, r)
		}
	}
	return out
}

// place is where the first rule stands that was written where r says.
func place(rules []policy.Rule, r *policy.Rule) int {
	return slices.IndexFunc(rules, func(o policy.Rule) bool {
		return o.Pos == r.Pos && o.Index == r.Index
	})
}

// keeper makes rules of boxes: those that there were, where they are enough.
type keeper struct {
	family policy.Family
	open   *anyone
	boxes  []box
	rules  []policy.Rule
}

func (k *keeper) keep() (out []policy.Rule) {
	for i := range k.boxes {
		b := &k.boxes[i]
		var inside []*policy.Rule
		for j := range k.rules {
			r := &k.rules[j]
			if b.addresses().contains(rangeOf(r.Peer.CIDR)) && b.form.covers(RuleSpan(r)) {
				inside = append(inside, r)
			}
		}
		must := k.must(i)
		j := slices.IndexFunc(inside, func(r *policy.Rule) bool { return k.enough(r, b, must) })
		if j >= 0 {
			c := inside[j].Peer.CIDR
			*b = box{form{RuleSpan(inside[j])}, keyOf(c.Addr()), c.Bits()}
			out = append(out, *inside[j])
			continue
		}
		k.narrow(b, must)
		r := merged(inside)
		r.Protocol, r.From, r.To = fields(b.form[0])
		r.Peer.Kind, r.Peer.CIDR = policy.PeerCIDR, b.at.prefix(k.family, b.bits)
		out = append(out, r)
	}
	return out
}

// must is what box i has to permit, since no other box does.
func (k *keeper) must(i int) Set {
	b := k.boxes[i]
	of := func(b *box) Set {
		p := Peers{v4: addresses{b.addresses()}}
		if k.family == policy.IPv6 {
			p = Peers{v6: p.v4}
		}
		return Box(b.form[0], p)
	}
	rest := of(&b)
	for j := range k.boxes {
		o := &k.boxes[j]
		if j != i && o.form[0].Lo <= b.form[0].Hi && b.form[0].Lo <= o.form[0].Hi &&
			(o.addresses().contains(b.addresses()) || b.addresses().contains(o.addresses())) {
			rest = rest.Minus(of(o))
		}
	}
	return rest
}

// enough reports whether a rule does in place of a box.
func (k *keeper) enough(r *policy.Rule, b *box, must Set) bool {
	if b.bits == 0 && (r.Peer.CIDR.Bits() > 0 || !k.opens(RuleSpan(r), b)) {
		return false
	}
	p := PeersOf(r.Peer.CIDR)
	return Box(RuleSpan(r), p).Covers(must)
}

// opens reports whether a rule for every address leaves the flows untracked that a box does.
func (k *keeper) opens(s Span, b *box) bool {
	return spans{s}.contains(b.form.intersect(k.open.opening))
}

// narrow makes a box no larger than it must be. Those of every address stay: they may leave
// flows untracked.
func (k *keeper) narrow(b *box, must Set) {
	if b.bits == 0 || must.Empty() {
		return
	}
	var l spans
	for s := range must.All() {
		l = l.add(s)
	}
	b.form = form{within(l)}
	a := must.Anyone(whole).of(k.family)
	for ; b.bits < 128; b.bits++ {
		at := b.at
		if !a[0].lo.less(at.or(bit(b.bits))) {
			at = at.or(bit(b.bits))
		}
		if half := (addressRange{at, at.or(tail(b.bits + 1))}); !half.contains(addressRange{a[0].lo,
			a[len(a)-1].hi}) {
			break
		}
		b.at = at
	}
}

// merged is a rule that stands for several, without what it permits.
func merged(rules []*policy.Rule) (out policy.Rule) {
	if len(rules) == 0 {
		return out
	}
	out.Pos, out.Index, out.Peer.Pos = rules[0].Pos, rules[0].Index, rules[0].Peer.Pos
	out.Tags, out.Peer.Described = rules[0].Tags, rules[0].Peer.Described
	var texts []string
	for _, r := range rules {
		out.Peer.Described = out.Peer.Described && r.Peer.Described
		if r.Description == "" || slices.Contains(texts, r.Description) {
			continue
		}
		more := append(texts, r.Description)
		if utf8.RuneCountInString(strings.Join(more, "; ")) > policy.MaxDescription {
			break
		}
		texts = more
	}
	out.Description = strings.Join(texts, "; ")
	return out
}
