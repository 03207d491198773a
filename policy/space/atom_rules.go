package space

import (
	"slices"

	"sgfw/policy"
)

// atomRules returns the fewest rules for the lists and groups that rules name. What a rule
// permits to every address of a family, it permits to each atom of it.
func (r *Reading) atomRules(rules []policy.Rule, set Set) (out []policy.Rule) {
	type name struct {
		kind policy.PeerKind
		name string
	}
	named, order := make(map[name][]*policy.Rule), []name{}
	for i := range rules {
		n := name{rules[i].Peer.Kind, rules[i].Peer.Name}
		if n.kind == policy.PeerCIDR {
			continue
		}
		if named[n] == nil {
			order = append(order, n)
		}
		named[n] = append(named[n], &rules[i])
	}
	for _, n := range order {
		atoms := r.named(peerID{kind: n.kind, name: n.name}).atoms
		out = append(out, coverAtom(named[n], set.asked(atoms...))...)
	}
	return out
}

// asked are the selectors of what a rule names, which is an atom of each family.
type asked struct {
	must, may spans // what rules for it have to permit, and may
	all       bool  // a rule for all protocols would permit nothing else
}

// asked returns what is to be said of atoms that have a name in common beside what is said
// of every address, and what may be. ICMP is for the one family alone.
func (s Set) asked(atoms ...Atom) (out asked) {
	out.may, out.all = spans{whole}, len(atoms) > 0
	for _, atom := range atoms {
		var must, may spans
		for _, l := range s.layers {
			if l.peers.has(atom) {
				may = may.add(l.Span)
				if !l.peers.every(atom.Family) {
					must = must.add(l.Span)
				}
			}
		}
		other := policy.ICMPv6
		if atom.Family == policy.IPv6 {
			other = policy.ICMP
		}
		out.all = out.all && len(may) == 1 && may[0] == whole
		out.must = out.must.union(must)
		out.may = out.may.intersect(may.union(spans{spanOf(other)}))
	}
	return out
}

// coverAtom returns the fewest rules for the peer that some rules have in common.
func coverAtom(own []*policy.Rule, a asked) (out []policy.Rule) {
	if len(a.must) == 0 {
		return nil
	}
	forms := []form{{whole}}
	if !a.all {
		forms = ruleForms(a.may.minus(spans{spanOf(Portless.Protocol())}))
	}
	for _, f := range forms {
		must := f.intersect(a.must)
		if len(must) == 0 {
			continue
		}
		var inside []*policy.Rule
		for _, r := range own {
			if f.covers(RuleSpan(r)) {
				inside = append(inside, r)
			}
		}
		i := slices.IndexFunc(inside, func(r *policy.Rule) bool {
			return spans{RuleSpan(r)}.contains(must)
		})
		if i >= 0 {
			out = append(out, *inside[i])
			continue
		}
		r := merged(inside)
		r.Protocol, r.From, r.To = fields(within(must))
		r.Peer.Kind, r.Peer.Name, r.Peer.Self = own[0].Peer.Kind, own[0].Peer.Name, own[0].Peer.Self
		out = append(out, r)
	}
	return out
}
