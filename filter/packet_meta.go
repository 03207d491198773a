package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/packet"
)

// fillMeta describes a packet as the flow table sees it. It fills in place, since it
// runs for every packet. TCP is valid for ClassTCP only.
func fillMeta(s *conntrack.PacketMeta, p *packet.Packet, d conntrack.Direction) {
	s.Dir, s.Bytes, s.Reply = d, p.Length, false
	switch p.Kind {
	case packet.KindTCP:
		s.Class, s.TCP = conntrack.ClassTCP, p.TCP
	case packet.KindUDP:
		s.Class = conntrack.ClassUDP
	case packet.KindICMP, packet.KindICMPv6:
		s.Class, s.Reply = conntrack.ClassQuery, p.IsReply()
	default:
		s.Class = conntrack.ClassOther
	}
}

// midStream reports whether p can only belong to a flow that began earlier: a
// TCP segment that is no SYN, or the reply to a query.
func midStream(p *packet.Packet) bool {
	switch p.Kind {
	case packet.KindTCP:
		return p.TCP.Flags&(conntrack.SYN|conntrack.ACK) != conntrack.SYN
	case packet.KindICMP, packet.KindICMPv6:
		return p.IsReply()
	}
	return false
}
