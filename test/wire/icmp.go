package wire

import (
	"encoding/binary"
	"net/netip"
)

// Types of ICMP (RFC 792) and ICMPv6 (RFC 4443, RFC 4861) that tests name.
const (
	ICMPEchoReply    = 0
	ICMPUnreachable  = 3
	ICMPRedirect     = 5
	ICMPEcho         = 8
	ICMPTimeExceeded = 11
	ICMPParameter    = 12

	ICMPv6Unreachable     = 1
	ICMPv6PacketTooBig    = 2
	ICMPv6TimeExceeded    = 3
	ICMPv6Parameter       = 4
	ICMPv6Echo            = 128
	ICMPv6EchoReply       = 129
	ICMPv6RouterSolicit   = 133
	ICMPv6RouterAdvert    = 134
	ICMPv6NeighborSolicit = 135
	ICMPv6NeighborAdvert  = 136
	ICMPv6Redirect        = 137
)

const (
	icmpHeader = 8
	// codeFragNeeded of type 3 and codePortUnreachable of either family.
	codeFragNeeded       = 4
	codePortUnreachable4 = 3
	codePortUnreachable6 = 4
	// maxError4 and maxError6 are the longest error messages in bytes with their
	// IP header (RFC 1812 §4.3.2.3, RFC 4443 §2.4(c)).
	maxError4 = 576
	maxError6 = 1280
)

// ICMP builds an ICMP message, an ICMPv6 one between IPv6 addresses: rest is the
// second word of its header, body what follows.
func ICMP(src, dst netip.Addr, kind, code uint8, rest uint32, body []byte,
	options ...Option) []byte {
	c := newConfig(options)
	b := make([]byte, icmpHeader, icmpHeader+len(body))
	b[0], b[1] = kind, code
	binary.BigEndian.PutUint32(b[4:], rest)
	b = append(b, body...)
	protocol := uint8(ProtoICMP)
	if src.Is6() {
		protocol = ProtoICMPv6
	}
	c.checksum(src, dst, protocol, b, 2)
	return c.ip(src, dst, protocol, b)
}

// Echo builds an echo request.
func Echo(src, dst netip.Addr, id, seq uint16, payload []byte, options ...Option) []byte {
	return ICMP(src, dst, either(src, ICMPEcho, ICMPv6Echo), 0, uint32(id)<<16|uint32(seq), payload,
		options...)
}

// EchoReply builds an echo reply.
func EchoReply(src, dst netip.Addr, id, seq uint16, payload []byte, options ...Option) []byte {
	return ICMP(src, dst, either(src, ICMPEchoReply, ICMPv6EchoReply), 0, uint32(id)<<16|uint32(seq),
		payload, options...)
}

// Error builds an ICMP or ICMPv6 error that quotes as much of a packet as such a
// message may carry. It goes from the reporter to whom dst says; a genuine one
// goes to the quoted packet's source, see [QuotedSource].
func Error(reporter, dst netip.Addr, kind, code uint8, rest uint32, quote []byte,
	options ...Option) []byte {
	most := maxError4 - ip4Header - icmpHeader
	if reporter.Is6() {
		most = maxError6 - ip6Header - icmpHeader
	}
	return ICMP(reporter, dst, kind, code, rest, quote[:min(len(quote), most)], options...)
}

// TooBig builds the error of path MTU discovery about a packet, to its source:
// "fragmentation needed" (RFC 1191 §4) or "packet too big" (RFC 4443 §3.2).
func TooBig(reporter netip.Addr, mtu uint16, quote []byte, options ...Option) []byte {
	code := either(reporter, codeFragNeeded, 0)
	return Error(reporter, QuotedSource(quote), either(reporter, ICMPUnreachable, ICMPv6PacketTooBig),
		code, uint32(mtu), quote, options...)
}

// PortUnreachable builds the answer of a host without a listener, to the quoted
// packet's source.
func PortUnreachable(reporter netip.Addr, quote []byte, options ...Option) []byte {
	code := either(reporter, codePortUnreachable4, codePortUnreachable6)
	return Error(reporter, QuotedSource(quote), either(reporter, ICMPUnreachable, ICMPv6Unreachable),
		code, 0, quote, options...)
}

// TimeExceeded builds a router's answer to a packet whose hop limit ran out, to
// the packet's source.
func TimeExceeded(reporter netip.Addr, quote []byte, options ...Option) []byte {
	return Error(reporter, QuotedSource(quote), either(reporter, ICMPTimeExceeded, ICMPv6TimeExceeded),
		0, 0, quote, options...)
}

// QuotedSource is the source address in an IP header.
func QuotedSource(packet []byte) netip.Addr {
	if packet[0]>>4 == 4 {
		return netip.AddrFrom4([4]byte(packet[12:16]))
	}
	return netip.AddrFrom16([16]byte(packet[8:24]))
}

// either picks by the family of a.
func either(a netip.Addr, v4, v6 uint8) uint8 {
	if a.Is4() {
		return v4
	}
	return v6
}
