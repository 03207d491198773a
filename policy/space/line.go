package space

import (
	"cmp"
	"slices"

	"sgfw/policy"
)

// Line says a part of a set as a person would: what passes, and whose it is. Together the
// lines of a set are the set, and nothing else.
type Line struct {
	Traffic []Traffic
	// But is what is left out of all protocols, which Traffic is then.
	But []Traffic
	// Peers are CIDRs, "group NAME" and "list NAME"; one of them may say its family.
	Peers []string
	// Box is the same as a set.
	Box Set

	peers Peers
	names []string // of its atoms
}

// Traffic is what a line says of packets, in the words of rules.
type Traffic struct {
	// Protocol is -1 for all.
	Protocol policy.Protocol
	// From and To are ports, or type and code, as in a rule.
	From, To int
	// Fragments is for later fragments, whose protocol is -1 and whose ports nobody sees.
	Fragments bool
}

// String is "tcp 80", "icmp type 8 code 0", "all protocols", "protocol 47".
func (t Traffic) String() string { return words([]Traffic{t}) }

// What is the line without its peers: "tcp 80, 443, udp 53" or "all protocols but tcp 22".
func (l *Line) What() string {
	what := words(l.Traffic)
	if len(l.But) > 0 {
		what += " but " + words(l.But)
	}
	return what
}

// Lines puts a set into few lines: as few boxes as were found, those with the same peers or
// the same traffic in one.
func (s Set) Lines() []Line {
	var flat []said
	for _, f := range []policy.Family{policy.IPv4, policy.IPv6} {
		boxes, _ := s.solve(f, puzzle{forms: lineForms})
		flat = append(flat, sameForm(boxes, f)...)
	}
	flat = append(flat, s.atomsSaid()...)
	flat = join(flat, func(a, b said) bool { return slices.Equal(a.form, b.form) },
		func(a *said, b said) { a.peers = a.peers.Union(b.peers) })
	flat = join(flat, func(a, b said) bool {
		return a.peers.Equal(b.peers) && !a.form.has(Portless) && !b.form.has(Portless)
	}, func(a *said, b said) { a.form = a.form.union(b.form) })
	slices.SortStableFunc(flat, func(a, b said) int { return cmp.Compare(a.form[0].Lo, b.form[0].Lo) })
	out := make([]Line, len(flat))
	for i, f := range flat {
		out[i] = f.line()
	}
	return out
}

// said is what becomes a line.
type said struct {
	form  spans
	peers Peers
}

// sameForm puts boxes of the same form together.
func sameForm(boxes []box, f policy.Family) (out []said) {
	for len(boxes) > 0 {
		form := boxes[0].form
		var ranges []addressRange
		boxes = slices.DeleteFunc(boxes, func(b box) bool {
			same := slices.Equal(b.form, form)
			if same {
				ranges = append(ranges, b.addresses())
			}
			return same
		})
		p := Peers{v4: collect(ranges)}
		if f == policy.IPv6 {
			p = Peers{v6: p.v4}
		}
		out = append(out, said{form, p})
	}
	return out
}

// join makes one of those that are alike.
func join(list []said, alike func(a, b said) bool, with func(a *said, b said)) (out []said) {
	for _, x := range list {
		i := slices.IndexFunc(out, func(o said) bool { return alike(o, x) })
		if i >= 0 {
			with(&out[i], x)
		} else {
			out = append(out, x)
		}
	}
	return out
}

// atomsSaid is the part of a set that is of atoms: first what both families have, then what
// one has alone. What every address has, an atom has, too.
func (s Set) atomsSaid() (out []said) {
	var order []Atom
	for _, l := range s.layers {
		for _, a := range l.peers.atoms {
			if !slices.Contains(order, a) {
				order = append(order, a)
			}
		}
	}
	slices.SortFunc(order, Atom.compare)
	for _, a := range order {
		twin := Atom{a.Kind, a.Name, policy.IPv4 + policy.IPv6 - a.Family}
		alone := s.asked(a)
		if slices.Contains(order, twin) {
			both := s.asked(a, twin)
			if a.Family == policy.IPv4 {
				out = append(out, both.said(unknown(a, twin))...)
			}
			for _, x := range both.said(Peers{}) {
				alone.must = alone.must.minus(x.form)
			}
		}
		out = append(out, alone.said(unknown(a))...)
	}
	return out
}

// said are the narrowest forms of what an atom has to have.
func (a asked) said(p Peers) (out []said) {
	narrow := func(must spans) {
		s, p := within(must), p
		switch proto := s.Lo.Protocol(); {
		case len(p.atoms) < 2:
		case proto == policy.ICMP:
			p = p.Only(policy.IPv4)
		case proto == policy.ICMPv6:
			p = p.Only(policy.IPv6)
		}
		out = append(out, said{form{s}, p})
	}
	for _, f := range lineForms(a.may) {
		must := f.intersect(a.must)
		switch {
		case len(must) == 0:
		case f.has(Portless) && must.has(Portless):
			out = append(out, said{f, p})
		case f.has(Portless):
			for _, f := range ruleForms(f.minus(spans{spanOf(Portless.Protocol())})) {
				if must := f.intersect(a.must); len(must) > 0 {
					narrow(must)
				}
			}
		default:
			narrow(must)
		}
	}
	return out
}

func (x said) line() Line {
	l := Line{peers: x.peers, names: atomNames(x)}
	for _, s := range x.form {
		l.Box = l.Box.with(s, x.peers)
	}
	l.Traffic = traffic(x.form)
	if x.form.has(Portless) {
		if but := traffic(spans{whole}.minus(x.form)); len(but) < len(l.Traffic) {
			l.Traffic, l.But = traffic(spans{whole}), but
		}
	}
	for _, c := range x.peers.CIDRs() {
		l.Peers = append(l.Peers, c.String())
	}
	l.Peers = append(l.Peers, l.names...)
	return l
}

// traffic are the words for selectors; those of protocols that follow one another, and of
// later fragments, have one each.
func traffic(l spans) (out []Traffic) {
	for _, f := range ruleForms(l) {
		if len(f) == 1 && f[0] == whole {
			return []Traffic{{Protocol: policy.AllProtocols, From: -1, To: -1}}
		}
		var t Traffic
		t.Protocol, t.From, t.To = fields(f[0])
		out = append(out, t)
	}
	if l.has(Portless) {
		out = append(out, Traffic{Protocol: policy.AllProtocols, From: -1, To: -1, Fragments: true})
	}
	return out
}

// atomNames are the atoms of a line. One says its family if the line is for that alone, and
// the traffic does not tell.
func atomNames(x said) (out []string) {
	for i, a := range x.peers.atoms {
		name := policy.Peer{Kind: a.Kind, Name: a.Name}.String()
		twin := Atom{a.Kind, a.Name, policy.IPv4 + policy.IPv6 - a.Family}
		proto := x.form[0].Lo.Protocol()
		switch {
		case slices.Contains(x.peers.atoms[:i], twin):
			continue
		case x.peers.has(twin), proto.IsICMP() && spanOf(proto).contains(Span{x.form[0].Lo,
			x.form[len(x.form)-1].Hi}):
		default:
			name += " (" + a.Family.String() + ")"
		}
		out = append(out, name)
	}
	return out
}
