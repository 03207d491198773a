package packet

import "sgfw/conntrack"

const (
	protoICMP   = conntrack.ProtoICMP
	protoTCP    = conntrack.ProtoTCP
	protoUDP    = conntrack.ProtoUDP
	protoICMPv6 = conntrack.ProtoICMPv6
)

// Sizes of transport headers in bytes: TCP without options (RFC 9293 §3.1),
// UDP (RFC 768).
const (
	minTCP  = 20
	sizeUDP = 8
)

// tcp reads a TCP header. Options are counted but not read, so they may lie
// beyond the copy range.
func (p *Packet) tcp(h []byte, left int) Fault {
	if len(h) < minTCP {
		return p.lack(minTCP, left)
	}
	size := int(h[12]>>4) * 4
	if size < minTCP || size > left {
		if size >= minTCP && p.First {
			return FaultFragmentTiny
		}
		return FaultTCPHeader
	}
	p.ports(h)
	p.TCP = conntrack.TCPSegment{
		Seq:   be.Uint32(h[4:]),
		Ack:   be.Uint32(h[8:]),
		Len:   uint32(left - size),
		Flags: conntrack.TCPFlags(h[13]),
	}
	return NoFault
}

// udp reads a UDP header. The length of a datagram that is yet to be cut into
// segments covers all of them, and is 0 when they are longer than it can state.
// In the first of several fragments it covers the others too.
func (p *Packet) udp(h []byte, left int) Fault {
	if len(h) < sizeUDP {
		return p.lack(sizeUDP, left)
	}
	n := int(be.Uint16(h[4:]))
	switch {
	case n == 0 && left > maxLength:
	case n < sizeUDP, n > left && !p.First:
		return FaultUDPLength
	}
	p.ports(h)
	return NoFault
}

// ports reads what TCP and UDP begin with.
func (p *Packet) ports(h []byte) {
	p.SrcPort, p.DstPort = be.Uint16(h), be.Uint16(h[2:])
}
