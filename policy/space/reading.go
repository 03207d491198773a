package space

import (
	"cmp"
	"net/netip"
	"slices"

	"sgfw/policy"
	"sgfw/policy/member"
)

// Reading says what the peers of a policy's rules stand for. It may be used by one
// goroutine at a time.
type Reading struct {
	lists   map[string]*policy.PrefixList
	byName  bool
	members *member.Membership
	names   map[string]string
	partial map[string]bool
	known   map[peerID]Peers
}

type peerID struct {
	kind   policy.PeerKind
	name   string
	family policy.Family // 0: both
}

// Read returns how the rules of a policy are read: prefix lists are their entries, and
// groups are their members as far as m knows them, and an [Atom] for those that it does not.
// A nil m knows none. A list without entries is an atom, too: nobody writes one down who
// knows that it stays empty.
func Read(p *policy.Policy, m *member.Membership) *Reading {
	r := &Reading{members: m, known: map[peerID]Peers{}, lists: map[string]*policy.PrefixList{}}
	for i := range p.PrefixLists {
		r.lists[p.PrefixLists[i].Name] = &p.PrefixLists[i]
	}
	return r
}

// ReadNames returns how the rules of a policy are read where lists and groups shall be what
// they are called, whatever they hold: each is an [Atom].
func ReadNames(p *policy.Policy) *Reading {
	r := Read(p, nil)
	r.byName = true
	return r
}

// Renaming returns the same reading with other names for groups, by their name.
func (r *Reading) Renaming(names map[string]string) *Reading {
	renamed := *r
	renamed.names, renamed.known = names, map[peerID]Peers{}
	return &renamed
}

// Partial returns the same reading of lists of which not all entries are known, as if they
// had none: an [Atom] stands for the others.
func (r *Reading) Partial(lists map[string]bool) *Reading {
	partial := *r
	partial.partial, partial.known = lists, map[peerID]Peers{}
	return &partial
}

// Peers returns the peers of a rule. ICMP has none of IPv6, and ICMPv6 none of IPv4: such
// rules match nothing (R12).
func (r *Reading) Peers(rule *policy.Rule) Peers {
	family := policy.Family(0)
	switch rule.Protocol {
	case policy.ICMP:
		family = policy.IPv4
	case policy.ICMPv6:
		family = policy.IPv6
	}
	if rule.Peer.Kind == policy.PeerCIDR {
		if family != 0 && family != policy.FamilyOf(rule.Peer.CIDR) {
			return Peers{}
		}
		return PeersOf(rule.Peer.CIDR)
	}
	id := peerID{rule.Peer.Kind, rule.Peer.Name, family}
	p, there := r.known[id]
	if !there {
		if p = r.named(id); family != 0 {
			p = p.Only(family)
		}
		r.known[id] = p
	}
	return p
}

// named returns the peers of a list or a group.
func (r *Reading) named(id peerID) Peers {
	var known Peers
	name, families := id.name, []policy.Family{policy.IPv4, policy.IPv6}
	if id.kind == policy.PeerPrefixList {
		l := r.lists[id.name]
		if l == nil {
			return Peers{}
		}
		if !r.byName {
			cidrs := make([]netip.Prefix, len(l.Entries))
			for i, e := range l.Entries {
				cidrs[i] = e.CIDR
			}
			known = PeersOf(cidrs...)
			if len(cidrs) > 0 && !r.partial[id.name] {
				return known
			}
		}
		if f, told := l.FamilyOf(); told {
			families = []policy.Family{f}
		}
	} else {
		known = PeersOf(r.members.Addresses(id.name)...)
		if other, there := r.names[name]; there {
			name = other
		}
	}
	var atoms []Atom
	for _, f := range families {
		atoms = append(atoms, Atom{Kind: id.kind, Name: name, Family: f})
	}
	return known.Union(unknown(atoms...))
}

// Rule returns what one rule permits.
func (r *Reading) Rule(rule *policy.Rule) Set { return Box(RuleSpan(rule), r.Peers(rule)) }

// Set returns what rules permit together.
func (r *Reading) Set(rules ...policy.Rule) Set {
	boxes := make([]layer, 0, len(rules))
	for i := range rules {
		if p := r.Peers(&rules[i]); !p.Empty() {
			boxes = append(boxes, layer{RuleSpan(&rules[i]), p})
		}
	}
	return unionOf(boxes)
}

// Groups returns what groups permit together in one direction, as on an interface that has
// them all (D6).
func (r *Reading) Groups(d policy.Direction, groups ...*policy.Group) Set {
	var rules []policy.Rule
	for _, g := range groups {
		rules = append(rules, g.Rules(d)...)
	}
	return r.Set(rules...)
}

// unionOf returns what boxes permit together. It reorders them.
func unionOf(boxes []layer) (out Set) {
	var always []layer // these need not be put together for each piece
	boxes = slices.DeleteFunc(boxes, func(b layer) bool {
		if b.Span == whole {
			always = append(always, b)
		}
		return b.Span == whole
	})
	if len(always) == 0 {
		eachPiece(boxes, func(s Span, open []layer) { out = out.with(s, together(open)) })
		return out
	}
	base, next := together(always), Selector(0)
	eachPiece(boxes, func(s Span, open []layer) {
		if next < s.Lo {
			out = out.with(Span{next, s.Lo - 1}, base)
		}
		out, next = out.with(s, base.Union(together(open))), s.Hi+1
	})
	if next <= Last {
		out = out.with(Span{next, Last}, base)
	}
	return out
}

// eachPiece sweeps over the borders of boxes, which it reorders, and calls do for each span
// between two of them with the boxes that have it, if any do.
func eachPiece(boxes []layer, do func(s Span, open []layer)) {
	slices.SortFunc(boxes, func(a, b layer) int { return cmp.Compare(a.Lo, b.Lo) })
	borders := make([]Selector, 0, 2*len(boxes))
	for _, b := range boxes {
		borders = append(borders, b.Lo, b.Hi+1)
	}
	slices.Sort(borders)
	borders = slices.Compact(borders)
	var open []layer
	next := 0
	for i, at := range borders {
		open = slices.DeleteFunc(open, func(b layer) bool { return b.Hi < at })
		for ; next < len(boxes) && boxes[next].Lo == at; next++ {
			open = append(open, boxes[next])
		}
		if len(open) > 0 {
			do(Span{at, borders[i+1] - 1}, open)
		}
	}
}

// together are the peers of all boxes.
func together(boxes []layer) Peers {
	if len(boxes) == 1 {
		return boxes[0].peers
	}
	var v4, v6 []addressRange
	var atoms []Atom
	for _, b := range boxes {
		v4, v6 = append(v4, b.peers.v4...), append(v6, b.peers.v6...)
		atoms = append(atoms, b.peers.atoms...)
	}
	out := Peers{v4: collect(v4), v6: collect(v6)}
	out.atoms = out.without(atoms)
	return out
}
