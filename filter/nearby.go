package filter

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"

	"sgfw/conntrack"
	"sgfw/policy"
)

// Variant is a packet that differs from another one.
type Variant struct {
	Query
	// Fields are what differs: "protocol", "port", "type", "code", "peer", "own" (the address of
	// the protected machine) and "segment".
	Fields []string
	// weight orders variants of as many fields, see [Miss.distance], and far those of one
	// field: by ports, or bits of an address.
	weight, far int
}

// Nearby returns packets next to q that rules of the device's groups permit, or that its
// network ACL allows, those first of which the least differs; at most n. The family of the
// addresses stays. They are guesses: whether they pass, Judge says.
func Nearby(rs *Ruleset, q Query, n int) []Variant {
	a := rs.Device(q.Device)
	if a == nil {
		return nil
	}
	same := Variant{Query: q}
	from := append(a.nearOwn(same), same.nearSegment()...)
	from = append(from, same)
	out := slices.Clone(from[:len(from)-1])
	var allowed []Variant
	for id := range rs.rules {
		info := &rs.rules[id]
		if info.ACL != "" && a.iface.NetworkACL == info.ACL && info.Action == policy.Allow &&
			!info.Gone && info.Direction == q.Direction {
			allowed = addNear(allowed, rs, info, from, n)
		}
	}
	out = append(out, allowed...)
	out = append(out, a.nearDenied(rs, &same)...)
	slices.SortStableFunc(allowed, compareVariants)
	from = append(from, allowed[:min(len(allowed), n)]...)
	for id := range rs.rules {
		info := &rs.rules[id]
		if info.ACL == "" && !info.Gone && info.Direction == q.Direction &&
			slices.Contains(a.iface.Groups, info.Group) {
			out = addNear(out, rs, info, from, n)
		}
	}
	slices.SortStableFunc(out, compareVariants)
	return out[:min(len(out), n)]
}

// addNear adds to out what is nearest to each of from and within a rule. More than a few
// times n are cut to the nearest.
func addNear(out []Variant, rs *Ruleset, info *RuleInfo, from []Variant, n int) []Variant {
	for i := range from {
		if v, ok := from[i].within(rs, info); ok {
			out = append(out, v)
		}
	}
	if len(out) > 8*n {
		slices.SortStableFunc(out, compareVariants)
		out = out[:n]
	}
	return out
}

func compareVariants(a, b Variant) int {
	return cmp.Or(cmp.Compare(len(a.Fields), len(b.Fields)), cmp.Compare(a.weight, b.weight),
		cmp.Compare(a.far, b.far))
}

// differs notes one more field.
func (v *Variant) differs(field string, weight, far int) {
	if !slices.Contains(v.Fields, field) {
		v.Fields = append(slices.Clip(v.Fields), field)
	}
	v.weight, v.far = v.weight+weight, v.far+far
}

// nearOwn are the packets with an address of the interface as that of the protected machine,
// where only those pass.
func (a *Attachment) nearOwn(v Variant) (out []Variant) {
	if a.own == nil {
		return nil
	}
	was := v.Dst
	if v.Direction == conntrack.Egress {
		was = v.Src
	}
	for _, p := range a.iface.Own() {
		if p.Addr().Is4() != was.Is4() {
			continue
		}
		near, far := nearestIn(p, was)
		if near == was {
			return nil
		}
		next := v
		if next.Dst = near; v.Direction == conntrack.Egress {
			next.Src, next.Dst = near, v.Dst
		}
		next.differs("own", 2, far)
		out = append(out, next)
	}
	return out
}

// nearSegment is the same packet as the first one of a connection.
func (v *Variant) nearSegment() []Variant {
	if v.Protocol != conntrack.ProtoTCP || v.Flags == 0 || v.Flags == conntrack.SYN {
		return nil
	}
	next := *v
	next.Flags = conntrack.SYN
	next.differs("segment", 1, 0)
	return []Variant{next}
}

// within is the packet nearest to v that a rule covers. It is false where the rule is of the
// other family, or about ICMP as the packet is not.
func (v Variant) within(rs *Ruleset, info *RuleInfo) (Variant, bool) {
	r := &info.Rule
	proto := policy.Protocol(v.Protocol)
	if r.Protocol != policy.AllProtocols && r.Protocol != proto {
		if r.Protocol.IsICMP() || proto.IsICMP() {
			return v, false // another kind of question
		}
		v.Protocol, v.Flags = uint8(r.Protocol), 0
		if r.Protocol == policy.TCP {
			v.Flags = conntrack.SYN
		}
		if !r.Protocol.HasPorts() {
			v.SrcPort, v.DstPort = 0, 0
		}
		v.differs("protocol", 5, 0)
	}
	switch {
	case r.Protocol.HasPorts():
		near := min(max(int(v.DstPort), r.From), r.To)
		if far := max(near-int(v.DstPort), int(v.DstPort)-near); far > 0 {
			v.DstPort = uint16(near)
			v.differs("port", 4, far)
		}
	case r.Protocol.IsICMP() && r.From >= 0:
		if int(v.ICMPType) != r.From {
			v.ICMPType = uint8(r.From)
			v.differs("type", 4, 0)
		}
		if r.To >= 0 && int(v.ICMPCode) != r.To {
			v.ICMPCode = uint8(r.To)
			v.differs("code", 2, 0)
		}
	}
	return v.withPeer(peerPrefixes(rs.policy, rs.members, &r.Peer))
}

// withPeer is the packet with the nearest address among the prefixes as its peer.
func (v Variant) withPeer(prefixes []netip.Prefix) (Variant, bool) {
	peer := &v.Src
	if v.Direction == conntrack.Egress {
		peer = &v.Dst
	}
	best, least := netip.Addr{}, 0
	for _, p := range prefixes {
		if p.Addr().Is4() != peer.Is4() {
			continue
		}
		if near, far := nearestIn(p, *peer); !best.IsValid() || far < least {
			best, least = near, far
		}
	}
	if !best.IsValid() {
		return v, false
	}
	if *peer != best {
		*peer = best
		v.differs("peer", 2, least)
	}
	return v, true
}

// nearestIn is the address of a prefix with the host bits of a, and how many of the bits of a
// it does not have, from the first one that differs on.
func nearestIn(p netip.Prefix, a netip.Addr) (near netip.Addr, far int) {
	if p.Contains(a) {
		return a, 0
	}
	network, at := p.Masked().Addr().AsSlice(), a.AsSlice()
	for i := range network {
		host := byte(0xff >> min(8, max(0, p.Bits()-8*i)))
		if differs := (network[i] ^ at[i]) &^ host; differs != 0 && far == 0 {
			far = 8*(len(network)-i) - bits.LeadingZeros8(differs)
		}
		network[i] |= at[i] & host
	}
	near, _ = netip.AddrFromSlice(network)
	return near, far
}
