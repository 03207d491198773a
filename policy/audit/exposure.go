package audit

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/space"
)

var (
	allTCP = space.Ports(policy.TCP, 0, policy.MaxPort)
	allUDP = space.Ports(policy.UDP, 0, policy.MaxPort)
)

// exposures looks for what is open to everybody.
func (a *auditor) exposures(u *unit) {
	in, out := &u.sides[policy.Ingress], &u.sides[policy.Egress]
	a.allPorts(u, in)
	a.services(u, in)
	a.clearText(u, in)
	a.outward(u, out)
}

// together looks for what the groups of an interface open to everybody, and none of them alone
// does.
func (a *auditor) together(at *attachment) {
	u := *at.union
	u.pos = at.first.Pos
	for d := range u.sides {
		u.sides[d].rules = rulesOf(at.groups, policy.Direction(d))
		for f := range families {
			for _, g := range at.groups {
				u.sides[d].world[f] = u.sides[d].world[f].minus(g.alone.sides[d].world[f])
			}
		}
	}
	a.allPorts(&u, &u.sides[policy.Ingress])
	a.services(&u, &u.sides[policy.Ingress])
	a.covered(at, &u)
}

// open are the families that a span is open in to everybody.
func (s *side) open(span space.Span, in func(spans, space.Span) bool) (out []policy.Family) {
	for i, f := range families {
		if in(s.world[i], span) {
			out = append(out, f)
		}
	}
	return out
}

// wholly are the rules that open all of a span, to everybody if something does.
func (s *side) wholly(span space.Span, in []policy.Family) [][]entry {
	var choices [][]entry
	for _, f := range in {
		some := s.opens(span, f)
		whole := slices.DeleteFunc(slices.Clone(some), func(es []entry) bool {
			return !oneBlock(es) || es[0].span.Lo > span.Lo || es[0].span.Hi < span.Hi
		})
		if len(whole) == 0 { // several do it together
			whole = [][]entry{slices.Concat(some...)}
		}
		choices = append(choices, whole...)
	}
	return blocks(choices)
}

// allPorts looks for all ports of a protocol.
func (a *auditor) allPorts(u *unit, s *side) {
	tcp, udp := s.open(allTCP, spans.cover), s.open(allUDP, spans.cover)
	what, span, in := "all ports of TCP", allTCP, tcp
	switch {
	case len(tcp) == 0 && len(udp) == 0:
		return
	case len(tcp) == 0:
		what, span, in = "all ports of UDP", allUDP, udp
	case len(udp) > 0:
		what = "all ports of TCP and UDP"
	}
	for _, es := range s.wholly(span, in) {
		f := u.about(s.direction, es...)
		if es[0].Protocol == policy.AllProtocols {
			what = "all protocols and ports"
		}
		f.Message = fmt.Sprintf("%s are open to everybody%s", what, by(u, es))
		a.add(f, allPortsIn)
	}
}

// by says whose rules these are, where they are several or of several groups.
func by(u *unit, es []entry) string {
	var names []string
	for _, e := range es {
		if !slices.Contains(names, e.group.Name) {
			names = append(names, e.group.Name)
		}
	}
	switch {
	case u.group == nil:
		return fmt.Sprintf(" on %s, by groups %s together", u.device, abridged(names, ", "))
	case !oneBlock(es):
		return ", by several rules together"
	}
	return ""
}

// exposed are the services that the same rules open.
type exposed struct {
	rules    []entry
	check    string
	severity Severity
	names    []string
	also     Also
}

// services looks for services that everybody reaches.
func (a *auditor) services(u *unit, s *side) {
	var found []*exposed
	for i := range services {
		v := &services[i]
		var choices [][]entry
		for _, f := range s.open(v.span(), spans.overlap) {
			choices = append(choices, s.opens(v.span(), f)...)
		}
		for _, es := range blocks(choices) {
			if v.protocol == policy.TCP && v.from == telnetPort && names(es[0]) {
				continue // that is told by itself
			}
			at := slices.IndexFunc(found, func(x *exposed) bool {
				return x.check == v.check && len(x.rules) > 0 && sameBlocks(x.rules, es)
			})
			if at < 0 {
				at, found = len(found), append(found, &exposed{rules: es, check: v.check})
			}
			x := found[at]
			x.names, x.severity = append(x.names, v.String()), max(x.severity, v.severity)
			x.also = x.also.with(v.codes())
			for _, e := range es {
				if !slices.ContainsFunc(x.rules, func(o entry) bool { return o.Rule == e.Rule }) {
					x.rules = append(x.rules, e)
				}
			}
		}
	}
	for _, x := range found {
		f := u.about(s.direction, x.rules...)
		f.Severity, f.Also = x.severity, &x.also
		verb := "is"
		if len(x.names) > 1 {
			verb = "are"
		}
		f.Message = fmt.Sprintf("%s %s open to everybody%s", abridged(x.names, ", "), verb,
			by(u, x.rules))
		a.add(f, x.check)
	}
}

// sameBlocks reports whether rules are of the same blocks.
func sameBlocks(a, b []entry) bool {
	in := func(e entry, es []entry) bool {
		return slices.ContainsFunc(es, func(o entry) bool { return sameBlock(e, o) })
	}
	return !slices.ContainsFunc(a, func(e entry) bool { return !in(e, b) }) &&
		!slices.ContainsFunc(b, func(e entry) bool { return !in(e, a) })
}

const telnetPort = 23

// few is how many ports a rule may have that names them one by one.
const few = 100

// names reports whether a rule of TCP or UDP names few ports.
func names(e entry) bool { return e.Protocol.HasPorts() && e.To-e.From < few }

// clearText looks for HTTP without HTTPS, also on the interfaces that have the group, and for
// telnet from anybody.
func (a *auditor) clearText(u *unit, s *side) {
	var seen []entry
	for _, e := range s.rules {
		if e.Protocol == policy.TCP && e.From <= telnetPort && telnetPort <= e.To && names(e) &&
			!slices.ContainsFunc(seen, func(o entry) bool { return sameBlock(o, e) }) {
			seen = append(seen, e)
			f := u.about(s.direction, e)
			f.Message = "telnet is open to " + e.Peer.String()
			if everybody(e.peers, policy.IPv4) || everybody(e.peers, policy.IPv6) {
				f.Message = "telnet is open to everybody"
			}
			a.add(f, telnet)
		}
	}
	http, https := space.Ports(policy.TCP, 80, 80), space.Ports(policy.TCP, 443, 443)
	for i, family := range families {
		if !s.world[i].overlap(http) || u.group.everywhere(s.direction, func(s *side) bool {
			return s.world[i].overlap(https)
		}) {
			continue
		}
		for _, es := range blocks(s.opens(http, family)) {
			if !names(es[0]) {
				continue
			}
			f := u.about(s.direction, es...)
			f.Message = "tcp 80 (HTTP) is open to everybody, and tcp 443 (HTTPS) is not" + by(u, es)
			a.add(f, httpClear)
		}
		return
	}
}

// everywhere reports whether something is so on every interface that has the group; of the
// group alone where none has it.
func (g *examined) everywhere(d policy.Direction, is func(*side) bool) bool {
	if len(g.on) == 0 {
		return is(&g.alone.sides[d])
	}
	return !slices.ContainsFunc(g.on, func(at *attachment) bool { return !is(&at.union.sides[d]) })
}

// outward looks for what may go out to everybody.
func (a *auditor) outward(u *unit, s *side) {
	tcp := s.open(allTCP, spans.cover)
	if len(tcp) > 0 {
		for _, es := range s.wholly(allTCP, tcp) {
			f := u.about(s.direction, es...)
			f.Message = "everything may go out to everybody"
			if es[0].Index == policy.DefaultIndex {
				f.Message += ": the rules that AWS gives to a new group"
			}
			f.Message += by(u, es)
			a.add(f, allPortsOut)
		}
		return
	}
	smb := space.Ports(policy.TCP, 445, 445)
	var choices [][]entry
	for i, family := range families {
		for _, span := range s.world[i] {
			choices = append(choices, s.opens(span, family)...)
		}
	}
	for _, es := range blocks(choices) {
		f := u.about(s.direction, es...)
		var what []string
		leaks := false
		for _, e := range es {
			if t := traffic(e.Rule); !slices.Contains(what, t) {
				what = append(what, t)
			}
			leaks = leaks || e.span.Overlaps(smb) && names(e)
		}
		if leaks {
			f.Message = "tcp 445 (SMB) may go out to everybody: files and password hashes leave by it" +
				by(u, es)
			a.add(f, openSensitive)
			continue
		}
		f.Message = fmt.Sprintf("%s may go out to everybody%s", abridged(what, ", "), by(u, es))
		a.add(f, openOut)
	}
}

// traffic is a rule without its peer.
func traffic(r *policy.Rule) string {
	if r.Protocol == policy.AllProtocols {
		return "all protocols"
	}
	return strings.TrimSuffix(r.String(), " "+r.Peer.String())
}

// ranges looks for many ports, and many addresses, that are public and not everybody's.
func (a *auditor) ranges(g *examined) {
	for d := range g.alone.sides {
		s := &g.alone.sides[d]
		for i := 0; i < len(s.rules); {
			j := i + 1
			for j < len(s.rules) && sameBlock(s.rules[i], s.rules[j]) {
				j++
			}
			a.rangesOf(g, s, s.rules[i:j])
			i = j
		}
	}
}

// wideBits are the prefix lengths from which on a public peer is a wide one, by family.
var wideBits = map[policy.Family]int{policy.IPv4: 23, policy.IPv6: 32}

func (a *auditor) rangesOf(g *examined, s *side, block []entry) {
	var many, wide []entry
	for _, e := range block {
		world := everybody(e.peers, policy.IPv4) || everybody(e.peers, policy.IPv6)
		ports := e.To - e.From + 1
		if e.Protocol == policy.AllProtocols {
			ports = policy.MaxPort + 1
		}
		all := ports == policy.MaxPort+1
		switch {
		case e.Protocol != policy.AllProtocols && !e.Protocol.HasPorts(), ports <= a.o.Range,
			world && all, s.direction == policy.Egress: // all is told by itself
		case public(e.peers):
			many = append(many, e)
		}
		// Parts of everybody are told as such.
		world = world || len(s.open(e.span, spans.overlap)) > 0
		if c := e.Peer.CIDR; e.Peer.Kind == policy.PeerCIDR && !world &&
			c.Bits() <= wideBits[policy.FamilyOf(c)] && public(e.peers) {
			wide = append(wide, e)
		}
	}
	if len(many) > 0 {
		f := g.alone.about(s.direction, many...)
		f.Message = fmt.Sprintf("%s is open to public addresses", traffic(many[0].Rule))
		a.add(f, wideRange)
	}
	if len(wide) > 0 {
		f := g.alone.about(s.direction, wide...)
		if s.direction == policy.Egress {
			f.Severity = Notice
		}
		f.Message = fmt.Sprintf("%s is a wide range of public addresses", wide[0].Peer)
		a.add(f, widePeer)
	}
}
