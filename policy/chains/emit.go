package chains

import (
	"slices"

	"sgfw/policy"
	"sgfw/policy/space"
)

// Bounds of what one rule may become when others before it drop a part of it.
const (
	maxCut     = 24  // rules
	maxInline  = 8   // CIDRs that are written as such; more become a prefix list
	maxEntries = 200 // of such a list
	maxLarge   = 50  // rules of which more is left, until no more are looked at
)

// block is rules for the same traffic.
type block struct {
	rule  policy.Rule // without its peer
	peers []policy.Peer
	notes []string
}

// blocks are the rules of one direction of a group, in the order of the source.
type blocks []block

// add appends a peer to the block of its traffic and text.
func (l *blocks) add(r policy.Rule, note string) {
	peer := r.Peer
	r.Peer = policy.Peer{}
	same := func(b block) bool {
		return b.rule.ID() == r.ID() && b.rule.Description == r.Description
	}
	i := slices.IndexFunc(*l, same)
	if i < 0 {
		i = len(*l)
		*l = append(*l, block{rule: r})
	}
	b := &(*l)[i]
	if !slices.Contains(b.peers, peer) {
		b.peers = append(b.peers, peer)
	}
	if note != "" && !slices.Contains(b.notes, note) {
		b.notes = append(b.notes, note)
	}
}

// emit turns what a walk accepts into rules.
func (w *walk) emit(out *blocks) {
	f := w.firewall.Family
	universe := everything(f, w.dir)
	everybody := space.Box(whole, anyone(f))
	for _, a := range w.accepts {
		// Rules that say less are in it.
		if a.of.Covers(everybody) && w.passes.Covers(universe) {
			w.emitSet(out, a.rule, everybody, "")
			return
		}
	}
	for _, a := range w.accepts {
		switch {
		case w.large > maxLarge || w.d.Full(): // the import fails
			return
		case a.rule.Match.Unknown:
			w.emitUnknown(out, a, universe)
		case w.passes.Covers(a.of.Intersect(universe)):
			w.emitSet(out, a.rule, a.of, "")
		default:
			w.emitCut(out, a, a.of.Minus(a.of.Intersect(universe).Minus(w.passes)))
		}
	}
}

// emitUnknown writes a rule for a list that is not here. What is dropped before it may be one
// of its entries.
func (w *walk) emitUnknown(out *blocks, a accepted, universe space.Set) {
	m := a.rule.Match
	m.Peers = nil
	of := m.box(w.firewall.Family).Intersect(a.scope)
	for _, d := range w.drops[:a.after] {
		if !of.Intersect(universe).Intersect(d.set).Empty() {
			w.d.Errorf(a.rule.Pos, "say what is in it: --prefix-list "+m.List+"=FILE",
				"%s%s drops some of this, and who is in %q is unknown", a.rule.Subject(),
				d.rule.the(), m.List)
			return
		}
	}
	for _, peers := range of.All() {
		if w.unanswered || !peers.Equal(anyone(w.firewall.Family)) {
			w.d.Errorf(a.rule.Pos, "say what is in it: --prefix-list "+m.List+"=FILE",
				"%sother rules tell addresses apart before, and who is in %q is unknown",
				a.rule.Subject(), m.List)
			return
		}
	}
	w.emitSet(out, a.rule, of, "")
}

// emitCut writes what is left of a rule.
func (w *walk) emitCut(out *blocks, a accepted, left space.Set) {
	var cut *Rule
	for _, d := range w.drops[:a.after] {
		if !d.set.Intersect(a.of).Empty() {
			cut = d.rule
			break
		}
	}
	if cut == nil { // others go elsewhere before, or get no answers
		cut = a.rule
	}
	if w.said[saying{"cut", cut.Pos}] {
		return
	}
	var some blocks
	plain := Rule{Pos: a.rule.Pos, Text: a.rule.Text, Name: a.rule.Name, Code: a.rule.Code}
	note := "all but what " + cut.name() + " drops"
	switch {
	case cut == a.rule && w.unanswered:
		note = "all but those whose answers are dropped"
	case cut == a.rule:
		note = "what comes to " + a.rule.name()
	}
	if w.emitSet(&some, &plain, left, note); len(some) > maxCut {
		w.once("cut", cut.Pos, func() {
			other := "the one on line " + number(a.rule.Pos.Line)
			if a.rule.Name != "" {
				other = a.rule.Name
			}
			w.d.Errorf(cut.Pos, "remove the rule, or make "+other+" name what it is for",
				"%sthis drops a part of what %s accepts; groups only allow, and the rest of it would be "+
					"%d rules", cut.Subject(), a.rule.the(), len(some))
		})
		return
	}
	for _, b := range some {
		for _, p := range b.peers {
			r := b.rule
			r.Peer = p
			out.add(r, b.notes[0])
		}
	}
}

// emitSet writes the rules of a set. Who has everything gets that in one word first; what
// others have is written as it stands, or without these.
func (w *walk) emitSet(out *blocks, from *Rule, set space.Set, note string) {
	lost := false
	var served space.Peers
	if note != "" {
		if s := w.served(set); !s.Empty() && s.CountCIDRs() <= maxInline {
			served = s
			w.emitSpan(out, from, whole, served, note)
		}
	}
	for span, peers := range set.All() {
		if note != "" && peers.Minus(served).Minus(strangers(w.firewall.Family, w.dir)).Empty() {
			continue // there are none
		}
		if note != "" {
			for _, c := range strangers(w.firewall.Family, w.dir).CIDRs() {
				peers = simpler(peers, peers.Minus(space.PeersOf(c)))
			}
			peers = simpler(peers, peers.Minus(served))
		}
		lost = w.emitSpan(out, from, span, peers, note) || lost
	}
	if lost {
		w.once("protocols", from.Pos, func() {
			w.d.Lost(from.Pos, "add rules for those that you need",
				"%sof all protocols but some, those of tcp, udp and icmp are allowed and no others, and "+
					"of icmp the types in use", from.Subject())
		})
	}
}

// served are the peers that have everything in a set.
func (w *walk) served(set space.Set) space.Peers {
	f := w.firewall.Family
	nobody := strangers(f, w.dir)
	all := wholly(set.Union(space.Box(whole, nobody)), f)
	return simpler(all, all.Minus(nobody))
}

// emitSpan writes the rules of a span. It reports whether some of it cannot be said.
func (w *walk) emitSpan(out *blocks, from *Rule, span space.Span, peers space.Peers,
	note string) (lost bool) {
	traffic, lost := traffic(span, w.firewall.Family)
	for _, t := range traffic {
		t.Pos, t.Description = from.Pos, from.Text
		for _, p := range w.peers(from, peers) {
			t.Peer = p
			t.Peer.Pos = policy.Pos{}
			out.add(t, note)
		}
	}
	return lost
}

// simpler is which of both has fewer CIDRs.
func simpler(a, b space.Peers) space.Peers {
	if b.CountCIDRs() < a.CountCIDRs() {
		return b
	}
	return a
}

// peers says peers as rules do: a list of the source, CIDRs, or a list of what is left.
func (w *walk) peers(from *Rule, peers space.Peers) (out []policy.Peer) {
	if m := &from.Match; m.List != "" &&
		(m.Unknown || peers.Equal(m.Peers.Only(w.firewall.Family))) {
		w.lists(from.Match.List)
		return []policy.Peer{{Kind: policy.PeerPrefixList, Name: from.Match.List}}
	}
	cidrs := peers.CIDRs()
	switch {
	case len(cidrs) <= maxInline || from.Match.Peers != nil && len(cidrs) <= maxEntries:
	case len(cidrs) > maxEntries:
		w.large++
		w.once("cidrs", from.Pos, func() {
			w.d.Errorf(from.Pos, "drop fewer addresses, or say which are allowed",
				"%swhat is left of this rule are %d CIDRs", from.Subject(), len(cidrs))
		})
		return nil
	default:
		return []policy.Peer{{Kind: policy.PeerPrefixList, Name: w.rest(cidrs, from)}}
	}
	for _, c := range cidrs {
		out = append(out, policy.Peer{Kind: policy.PeerCIDR, CIDR: c})
	}
	return out
}

// used reports whether a type of ICMP is one that messages have, and no more than a number.
func used(p policy.Protocol, kind int) bool {
	if p == policy.ICMPv6 {
		return kind >= 1 && kind <= 4 || kind >= 128 && kind <= 137 || kind == 143
	}
	return kind == 0 || kind >= 3 && kind <= 5 || kind >= 8 && kind <= 18
}

// fewProtocols is how many in a row are named one by one. More of them are all but some.
const fewProtocols = 5

// traffic says a span in the words of rules; rest is true if some of it cannot be said.
func traffic(s space.Span, f policy.Family) (out []policy.Rule, rest bool) {
	add := func(p policy.Protocol, from, to int) {
		out = append(out, policy.Rule{Protocol: p, From: from, To: to})
	}
	if s == whole {
		add(policy.AllProtocols, -1, -1)
		return out, false
	}
	few := s.Hi.Protocol()-s.Lo.Protocol() < fewProtocols
	for p := s.Lo.Protocol(); p <= s.Hi.Protocol(); p++ {
		if p == space.Portless.Protocol() || !few && !p.HasPorts() && !p.IsICMP() {
			rest = true
			continue
		}
		all := space.Ports(p, -1, -1)
		if p.HasPorts() {
			all = space.Ports(p, 0, policy.MaxPort)
		}
		lo, hi := max(s.Lo, all.Lo), min(s.Hi, all.Hi)
		switch {
		case p == policy.ICMP && f == policy.IPv6, p == policy.ICMPv6 && f == policy.IPv4:
		case p.HasPorts():
			add(p, lo.Low(), hi.Low())
		case lo == all.Lo && hi == all.Hi:
			add(p, -1, -1)
		case p.IsICMP():
			for at := lo; at <= hi; {
				if at.Low()&255 == 0 && at+255 <= hi {
					if hi-lo < 2<<8 || used(p, at.Low()>>8) {
						add(p, at.Low()>>8, -1)
					} else {
						rest = true
					}
					at += 256
					continue
				}
				add(p, at.Low()>>8, at.Low()&255)
				at++
			}
		default:
			rest = true
		}
	}
	return out, rest
}
