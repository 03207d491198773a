package packet

import "sgfw/conntrack"

// Trackable reports whether p can belong to a flow: TCP, UDP, queries of ICMP
// and their replies, and every protocol without ports. Fragments, the first
// one included, and other ICMP messages belong to none.
func (p *Packet) Trackable() bool {
	return !p.First && trackable(p.Kind, p.ICMPType)
}

// IsReply reports whether p answers an ICMP query. Which side of another
// protocol answers, its packets do not tell.
func (p *Packet) IsReply() bool {
	r, _ := query(p.Kind, p.ICMPType)
	return r == roleAnswers
}

// Tuple returns the flow of p, which crosses the interface s in direction d.
// It names no flow unless p is [Packet.Trackable]; ports are then zero, but
// for the first of several fragments.
func (p *Packet) Tuple(s conntrack.Scope, d conntrack.Direction) (t conntrack.Tuple) {
	p.FillTuple(&t, s, d)
	return t
}

// FillTuple is [Packet.Tuple] in place: the hot-path variant, which avoids a copy.
func (p *Packet) FillTuple(t *conntrack.Tuple, s conntrack.Scope, d conntrack.Direction) {
	src, dst := p.SrcPort, p.DstPort
	if p.Kind != KindTCP && p.Kind != KindUDP {
		src, dst = queryPorts(p.Kind, p.ICMPType, p.ICMPID)
	}
	t.Set(s, d, p.Proto, p.Src, p.Dst, src, dst)
}

// Trackable is [Packet.Trackable] for the quoted packet. An error that quotes
// an error, or a fragment other than the first, relates to no flow.
func (q *Quote) Trackable() bool { return trackable(q.Kind, q.ICMPType) }

// Tuple returns the flow of the quoted packet, which crossed the interface s in
// direction d: the opposite of the direction of the error around it.
func (q *Quote) Tuple(s conntrack.Scope, d conntrack.Direction) (t conntrack.Tuple) {
	src, dst := q.SrcPort, q.DstPort
	if q.Kind != KindTCP && q.Kind != KindUDP {
		src, dst = queryPorts(q.Kind, q.ICMPType, q.ICMPID)
	}
	t.Set(s, d, q.Proto, q.Src, q.Dst, src, dst)
	return t
}

func trackable(k Kind, icmpType uint8) bool {
	return k <= KindUDP || trackableICMP(k, icmpType)
}

func trackableICMP(k Kind, icmpType uint8) bool {
	if k == KindFragment {
		return false
	}
	r, _ := query(k, icmpType)
	return r != roleNone
}

// queryPorts returns what stands for ports in the [conntrack.Tuple] of an ICMP
// query or its reply, and zeros for everything else.
func queryPorts(k Kind, icmpType uint8, icmpID uint16) (src, dst uint16) {
	switch r, asked := query(k, icmpType); r {
	case roleAsks:
		return icmpID, conntrack.QueryPort(asked)
	case roleAnswers:
		return conntrack.QueryPort(asked), icmpID
	}
	return 0, 0
}
