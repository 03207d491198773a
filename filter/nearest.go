package filter

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// Nearest returns the rules that came nearest to permitting a recorded packet that
// no rule permitted, under rs; nil for any other packet, and where a rule of rs
// permits it.
func Nearest(rs *Ruleset, r *Record) []Miss {
	if r.Verdict.Reason != ReasonNoRule && r.Verdict.Reason != ReasonNotAFlow {
		return nil
	}
	a := rs.Device(r.Device)
	if a == nil {
		return nil
	}
	p := r.packet()
	groups, misses := try(rs, a, r.Verdict.Direction, &p)
	if slices.ContainsFunc(groups, func(g GroupTried) bool { return g.Permits }) {
		return nil // it would pass now
	}
	return misses
}

// packet is the packet that was recorded, as far as rules look at it.
func (r *Record) packet() packet.Packet {
	t := &r.Tuple
	p := packet.Packet{
		Src: t.Remote, Dst: t.Local, SrcPort: t.RemotePort, DstPort: t.LocalPort,
		Proto: t.Proto(), Kind: r.Kind, ICMPType: r.ICMPType, ICMPCode: r.ICMPCode,
	}
	if r.Verdict.Direction == conntrack.Egress {
		p.Src, p.Dst, p.SrcPort, p.DstPort = t.Local, t.Remote, t.LocalPort, t.RemotePort
	}
	p.TCP.Flags = r.Flags
	return p
}

// distance orders misses: few differences before many, and a rule about the
// packet's own service that wants another peer before one about another service.
func (m *Miss) distance() (n int) {
	for _, d := range m.Fields {
		switch d.Field {
		case "peer", "code":
			n += 2
		case "family":
			n += 3
		case "port", "type":
			n += 4
		default:
			n += 5
		}
	}
	return n
}

// stranger reports whether the rule is about another protocol, or another family, and would
// not be about the packet even so.
func (m *Miss) stranger(p *packet.Packet) bool {
	r := &m.Rule.Rule
	for _, d := range m.Fields {
		switch d.Field {
		case "protocol":
			ports := p.Kind == packet.KindTCP || p.Kind == packet.KindUDP
			return len(m.Fields) > 1 || !ports || !r.Protocol.HasPorts() ||
				int(p.DstPort) < r.From || int(p.DstPort) > r.To
		case "family":
			return len(m.Fields) > 1
		}
	}
	return false
}

// try asks every rule of the attached groups on its own. It returns what each
// group says, and the rules that come nearest to permitting the packet.
func try(rs *Ruleset, a *Attachment, d conntrack.Direction, p *packet.Packet) ([]GroupTried,
	[]Miss) {
	groups := make([]GroupTried, len(a.iface.Groups))
	for i, name := range a.iface.Groups {
		groups[i].Name = name
	}
	var misses []Miss
	for id := range rs.rules {
		info := &rs.rules[id]
		g := slices.Index(a.iface.Groups, info.Group)
		if g < 0 || info.Gone || info.Direction != d {
			continue
		}
		groups[g].Rules++
		fields := differences(rs, info, d, p)
		if len(fields) == 0 {
			groups[g].Permits = true
			continue
		}
		misses = append(misses, Miss{Rule: *info, Fields: fields})
	}
	if slices.ContainsFunc(misses, func(m Miss) bool { return !m.stranger(p) }) {
		misses = slices.DeleteFunc(misses, func(m Miss) bool { return m.stranger(p) })
	}
	slices.SortStableFunc(misses, func(a, b Miss) int {
		return cmp.Compare(a.distance(), b.distance())
	})
	return groups, misses[:min(len(misses), maxMisses)]
}

// differences lists what keeps a rule from permitting the packet.
func differences(rs *Ruleset, info *RuleInfo, d conntrack.Direction,
	p *packet.Packet) []Difference {
	var out []Difference
	r := &info.Rule
	s := selectorOf(p)
	lo, hi := selectorRange(r)
	switch proto := policy.Protocol(p.Proto); {
	case s == match.Portless && hi < match.Portless:
		out = append(out, Difference{"protocol", policy.AllProtocols.String(), "fragment without ports"})
	case r.Protocol != policy.AllProtocols && r.Protocol != proto:
		out = append(out, Difference{"protocol", r.Protocol.String(), proto.String()})
	case lo <= s && s <= hi:
	case p.Kind == packet.KindTCP || p.Kind == packet.KindUDP:
		out = append(out, Difference{"port", portRange(r.From, r.To), strconv.Itoa(int(p.DstPort))})
	case r.From >= 0 && r.From != int(p.ICMPType):
		out = append(out, Difference{"type", strconv.Itoa(r.From), strconv.Itoa(int(p.ICMPType))})
	default:
		out = append(out, Difference{"code", strconv.Itoa(r.To), strconv.Itoa(int(p.ICMPCode))})
	}

	peer := p.Src
	if d == conntrack.Egress {
		peer = p.Dst
	}
	prefixes := peerPrefixes(rs.policy, rs.members, &r.Peer)
	sameFamily, covered := false, false
	for _, prefix := range prefixes {
		k, n := match.PrefixKey(prefix)
		if prefix.Addr().Is4() == peer.Is4() {
			sameFamily = true
			covered = covered || k.Contains(n, keyOf(peer))
		}
	}
	switch {
	case covered:
		if r.Protocol == policy.ICMP && !peer.Is4() || r.Protocol == policy.ICMPv6 && peer.Is4() {
			out = append(out, otherFamily(peer, r.Protocol.String()))
		}
	case !sameFamily && len(prefixes) > 0:
		out = append(out, otherFamily(peer, r.Peer.String()))
	default:
		out = append(out, Difference{"peer", r.Peer.String(), peer.String()})
	}
	return out
}

// otherFamily is the difference between the family of a packet's peer and the other
// one, which is all that what the rule names can be.
func otherFamily(peer conntrack.Addr, named string) Difference {
	want, got := policy.IPv4, policy.IPv6
	if peer.Is4() {
		want, got = got, want
	}
	return Difference{"family", fmt.Sprintf("%s (%s)", want, named), fmt.Sprintf("%s (%s)", got, peer)}
}

func portRange(from, to int) string {
	if from == to {
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d-%d", from, to)
}
