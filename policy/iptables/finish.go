package iptables

import (
	"strings"

	"sgfw/policy"
	"sgfw/policy/chains"
	"sgfw/policy/space"
)

// both are the addresses that satisfy two conditions.
func (x *reading) both(a, b *addresses) *addresses {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	if a.fresh || b.fresh {
		x.unsaid("", "it asks for an address twice")
		if a.fresh {
			a, b = b, a
		}
		if a.fresh {
			return nil
		}
		return &addresses{peers: a.peers, text: a.text + " and " + b.text}
	}
	return &addresses{peers: a.peers.Intersect(b.peers), text: a.text + " and " + b.text}
}

// finish puts the rule together from its options.
func (x *reading) finish() {
	m := &x.rule.Match
	peer, own := x.src, x.dst
	side := "destination"
	if x.dir == policy.Egress {
		peer, own, side = x.dst, x.src, "source"
	}
	x.known()
	if own != nil && !own.everybody() {
		x.unsaid("", "it asks for the "+side+" "+own.text+
			", and groups are for all addresses of a device")
	}
	switch {
	case peer == nil || peer.everybody():
	case peer.fresh && x.rule.Verdict != chains.Accept:
		x.unsaid("say what is in it: --prefix-list "+peer.key+"=FILE",
			"who is in "+peer.key+" is unknown")
	default:
		m.Peers, m.List, m.Unknown = &peer.peers, peer.key, peer.fresh
	}
	if x.source != "" {
		x.unsaid("", "it asks for the source port "+x.source)
	}
	if x.hop != "" {
		x.unsaid("", "it asks for the hop limit")
	}
	if x.syn != nil && !x.syn.Restrict(m) {
		x.unsaid("", "it asks for flags of TCP")
	}
	x.limit()
	if x.protocol == policy.AllProtocols {
		return
	}
	all := space.Ports(x.protocol, -1, -1)
	if x.protocol.HasPorts() {
		all = space.Ports(x.protocol, 0, policy.MaxPort)
	}
	switch {
	case x.butIt:
		if x.ports != nil {
			x.unsaid("", "it asks for ports of other protocols")
		}
		m.Spans = []space.Span{{Lo: 0, Hi: all.Lo - 1}, {Lo: all.Hi + 1, Hi: space.Last}}
		if all.Lo == 0 {
			m.Spans = m.Spans[1:]
		}
	case x.ports == nil:
		m.Spans = []space.Span{all}
	case x.notPorts:
		set := space.Box(all, space.PeersOf(policy.AnyIPv4))
		for _, s := range x.ports {
			set = set.Minus(space.Box(s, space.PeersOf(policy.AnyIPv4)))
		}
		m.Spans = []space.Span{}
		for s := range set.All() {
			m.Spans = append(m.Spans, s)
		}
	default:
		m.Spans = x.ports
	}
}

// everybody reports whether all addresses of a family are there.
func (a *addresses) everybody() bool {
	return a.key == "" && (a.peers.Covers(space.PeersOf(policy.AnyIPv4)) ||
		a.peers.Covers(space.PeersOf(policy.AnyIPv6)))
}

// known leaves out what passes anyway, as a failsafe.
func (x *reading) known() {
	m := &x.rule.Match
	if x.rule.Verdict != chains.Accept {
		return
	}
	has := func(s space.Span) bool { return len(x.ports) == 1 && x.ports[0] == s && !x.notPorts }
	switch {
	case x.source == "67" && has(space.Ports(policy.UDP, 68, 68)),
		x.source == "67:68" && has(space.Ports(policy.UDP, 67, 68)),
		x.source == "68" && has(space.Ports(policy.UDP, 67, 67)) && x.dir == policy.Egress,
		x.source == "547" && has(space.Ports(policy.UDP, 546, 546)),
		x.source == "546" && has(space.Ports(policy.UDP, 547, 547)) &&
			x.dir == policy.Egress:
		m.Never = true
	case has(space.Ports(policy.UDP, 546, 546)) && x.dst != nil && x.dst.text == "fe80::/64" &&
		x.dir == policy.Ingress:
		m.Never = true
	}
	if x.protocol != policy.ICMPv6 || x.hop == "" || len(x.ports) != 1 || x.notPorts {
		return
	}
	for t := 133; t <= 137; t++ {
		m.Never = m.Never || x.hop == "255" && has(space.Ports(policy.ICMPv6, t, -1))
	}
}

// limit decides about rules that limit rates.
func (x *reading) limit() {
	m := &x.rule.Match
	switch {
	case !x.limits:
	case x.open && m.Unsaid != nil && m.Unsaid.Why != modules["recent"]:
	case x.open && x.hitcount:
		m.Never, m.Unsaid = true, nil
	case x.open:
		m.Unsaid = nil
	default:
		m.Unsaid = &chains.Unsaid{Why: "it limits how often something is accepted", Grave: true,
			Hint: "--var limits=open takes such rules as if they did not limit"}
	}
}

// matchSet reads a condition on an ipset.
func (x *reading) matchSet(name, of string, not bool) {
	l, there := x.sets[name]
	a := &addresses{peers: chains.PeersOf(l.Entries), text: "of set " + name, key: name,
		fresh: !there}
	if entries := x.given[name]; !there && len(entries) > 0 {
		l = policy.PrefixList{Name: name, Entries: entries, Pos: policy.Pos{File: x.pos.File,
			Line: x.pos.Line, Col: 2}}
		x.sets[name] = l
		a.peers, a.fresh = chains.PeersOf(entries), false
	}
	switch {
	case not && a.fresh:
		x.unsaid("say what is in it: --prefix-list "+name+"=FILE", "who is in "+name+" is unknown")
		return
	case not:
		for _, e := range l.Entries {
			x.family = policy.FamilyOf(e.CIDR)
		}
		a.key, a.peers = "", x.but(a.peers, true)
	}
	switch {
	case of == "src":
		x.src = x.both(x.src, a)
	case of == "dst":
		x.dst = x.both(x.dst, a)
	default:
		x.unsaid("", "it asks for "+of+" in a set")
	}
}

// set reads a line of ipset save.
func (r *Reader) set(pos policy.Pos, words []string) {
	switch {
	case words[0] == "create" && len(words) >= 3:
		if !strings.HasPrefix(words[2], "hash:net") && !strings.HasPrefix(words[2], "hash:ip") ||
			strings.Contains(words[2], ",") {
			r.noted["set "+words[1]] = true
			return
		}
		r.sets[words[1]] = policy.PrefixList{Name: words[1], Pos: pos}
	case words[0] == "add" && len(words) >= 3:
		l, there := r.sets[words[1]]
		if r.noted["set "+words[1]] {
			return
		}
		p, ok := Prefix(words[2])
		if !there || !ok || len(words) > 3 && words[3] == "nomatch" {
			r.d.Errorf(pos, "addresses and networks are read", "%q is no entry of a set",
				strings.Join(words[1:], " "))
			return
		}
		if len(l.Entries) == chains.MaxEntries {
			r.noted["set "+words[1]] = true
			r.d.Errorf(pos, "", "set %q has more than %d entries", words[1], chains.MaxEntries)
			return
		}
		l.Entries = append(l.Entries, policy.PrefixEntry{CIDR: p, Pos: pos})
		r.sets[words[1]] = l
	default:
		r.d.Errorf(pos, "", "%q is no line of ipset save", strings.Join(words, " "))
	}
}
