package packet

import "math"

// sizeICMP is the least size of an ICMP or ICMPv6 message in bytes: all types
// that are in use have a header of 8, and the kernel demands it too.
const sizeICMP = 8

// Types of ICMP (RFC 792, RFC 950) and ICMPv6 (RFC 4443) that mean something
// to a flow. Redirect and source quench quote a packet as well, but relate to
// no flow (T24).
const (
	icmpEchoReply      = 0
	icmpUnreachable    = 3
	icmpEcho           = 8
	icmpTimeExceeded   = 11
	icmpParameter      = 12
	icmpTimestamp      = 13
	icmpTimestampReply = 14
	icmpInfo           = 15
	icmpInfoReply      = 16
	icmpMask           = 17
	icmpMaskReply      = 18
	icmp6Unreachable   = 1
	icmp6PacketTooBig  = 2
	icmp6TimeExceeded  = 3
	icmp6Parameter     = 4
	icmp6EchoRequest   = 128
	icmp6EchoReply     = 129
)

// role is the part of an ICMP message in a query.
type role uint8

const (
	roleNone role = iota
	roleAsks
	roleAnswers
)

// query returns the role of an ICMP message and the type of the query that it
// asks or answers.
func query(k Kind, t uint8) (role, uint8) {
	switch k {
	case KindICMP:
		switch t {
		case icmpEcho, icmpTimestamp, icmpInfo, icmpMask:
			return roleAsks, t
		case icmpEchoReply:
			return roleAnswers, icmpEcho
		case icmpTimestampReply, icmpInfoReply, icmpMaskReply:
			return roleAnswers, t - 1
		}
	case KindICMPv6:
		switch t {
		case icmp6EchoRequest:
			return roleAsks, t
		case icmp6EchoReply:
			return roleAnswers, icmp6EchoRequest
		}
	}
	return roleNone, 0
}

// IsError reports whether an ICMP message of the type is an error that quotes the packet of
// a flow.
func IsError(k Kind, t uint8) bool {
	switch k {
	case KindICMP:
		switch t {
		case icmpUnreachable, icmpTimeExceeded, icmpParameter:
			return true
		}
	case KindICMPv6:
		switch t {
		case icmp6Unreachable, icmp6PacketTooBig, icmp6TimeExceeded, icmp6Parameter:
			return true
		}
	}
	return false
}

// icmp reads an ICMP or ICMPv6 message, and what it quotes.
func (p *Packet) icmp(h []byte, left int) Fault {
	if len(h) < sizeICMP {
		return p.lack(sizeICMP, left)
	}
	p.icmpHeader(h)
	if IsError(p.Kind, p.ICMPType) && !p.First {
		p.QuoteFault = p.quote(h[sizeICMP:], left-sizeICMP)
		p.Quoted = p.QuoteFault == NoFault
	}
	return NoFault
}

// icmpHeader reads type and code, and the identifier where there is one.
func (p *Packet) icmpHeader(h []byte) {
	p.ICMPType, p.ICMPCode, p.ICMPID = h[0], h[1], 0
	if r, _ := query(p.Kind, p.ICMPType); r != roleNone {
		p.ICMPID = be.Uint16(h[4:])
	}
}

// quotedTransport is how much of a transport header every error carries
// (RFC 792); it is enough for ports and identifiers.
const quotedTransport = 8

// quote reads the packet in an ICMP error, of which b is here and left bytes
// exist. The quoted packet is longer than its quote, nobody knows how much
// was cut away, and it may have been one that was never cut into segments: so
// it is walked as a packet of any length, of which only the start was copied.
func (p *Packet) quote(b []byte, left int) Fault {
	if len(b) == 0 {
		return lack(1, left)
	}
	if version := b[0] >> 4; (version == 4) != (p.Kind == KindICMP) {
		return FaultVersion
	}
	var q Packet
	h, promised, fault := q.network(b, math.MaxInt32, InfoGSO)
	if fault == NoFault {
		fault = q.quoted(h, promised)
	}
	if fault == FaultBeyondCopy && len(b) == left {
		// All of the error is here: it was its sender who cut too much.
		return FaultTruncated
	}
	if fault != NoFault {
		return fault
	}
	p.Quote = Quote{
		Src: q.Src, Dst: q.Dst, SrcPort: q.SrcPort, DstPort: q.DstPort, ICMPID: q.ICMPID,
		Proto: q.Proto, Kind: q.Kind, ICMPType: q.ICMPType, ICMPCode: q.ICMPCode,
	}
	return NoFault
}

// quoted reads the start of a transport header in a quote. A protocol without
// ports needs none of it.
func (p *Packet) quoted(h []byte, left int) Fault {
	switch p.Kind {
	case KindOther, KindFragment:
		return NoFault
	}
	if len(h) < quotedTransport {
		return p.lack(quotedTransport, left)
	}
	switch p.Kind {
	case KindTCP, KindUDP:
		p.ports(h)
	default:
		p.icmpHeader(h)
	}
	return NoFault
}
