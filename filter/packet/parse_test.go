package packet_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter/packet"
)

var (
	left4  = conntrack.Addr4([4]byte{192, 0, 2, 1})
	right4 = conntrack.Addr4([4]byte{198, 51, 100, 2})
	left6  = conntrack.Addr{Hi: 0x20010db8_00000000, Lo: 1}
	right6 = conntrack.Addr{Hi: 0x20010db8_00000002, Lo: 2}
)

// same compares facts.
func same(a, b packet.Packet) bool { return reflect.DeepEqual(a, b) }

// facts returns p without the fields that do not belong to its kind.
func facts(p packet.Packet) packet.Packet {
	c := packet.Packet{Src: p.Src, Dst: p.Dst, Length: p.Length, Proto: p.Proto, Kind: p.Kind,
		HopLimit: p.HopLimit,
		First:    p.First, Quoted: p.Quoted, QuoteFault: p.QuoteFault}
	switch p.Kind {
	case packet.KindTCP:
		c.TCP = p.TCP
		fallthrough
	case packet.KindUDP:
		c.SrcPort, c.DstPort = p.SrcPort, p.DstPort
	case packet.KindICMP, packet.KindICMPv6:
		c.ICMPType, c.ICMPCode, c.ICMPID = p.ICMPType, p.ICMPCode, p.ICMPID
	}
	if p.Quoted {
		c.Quote = p.Quote
	}
	return c
}

// p4 and p6 are the address part of a want.
func p4(length uint32, proto uint8, k packet.Kind) packet.Packet {
	return packet.Packet{Src: left4, Dst: right4, Length: length, HopLimit: 64, Proto: proto, Kind: k}
}

func p6(length uint32, proto uint8, k packet.Kind) packet.Packet {
	return packet.Packet{Src: left6, Dst: right6, Length: length, HopLimit: 64, Proto: proto, Kind: k}
}

func ports(p packet.Packet, src, dst uint16) packet.Packet {
	p.SrcPort, p.DstPort = src, dst
	return p
}

// acked is p with the segment that ack starts, n bytes of payload long.
func acked(p packet.Packet, n uint32) packet.Packet {
	p = ports(p, 40000, 443)
	p.TCP = conntrack.TCPSegment{Seq: 0x11223344, Ack: 0x55667788, Len: n,
		Flags: conntrack.PSH | conntrack.ACK}
	return p
}

func synned(p packet.Packet, n uint32) packet.Packet {
	p = ports(p, 40000, 443)
	p.TCP = conntrack.TCPSegment{Seq: 1, Len: n, Flags: conntrack.SYN}
	return p
}

func icmp(p packet.Packet, t, code uint8, id uint16) packet.Packet {
	p.ICMPType, p.ICMPCode, p.ICMPID = t, code, id
	return p
}

func first(p packet.Packet) packet.Packet {
	p.First = true
	return p
}

// quoting is p the other way round, with a quote.
func quoting(p packet.Packet, q packet.Quote) packet.Packet {
	p.Src, p.Dst = p.Dst, p.Src
	if q.Src == (conntrack.Addr{}) {
		q.Src, q.Dst = p.Dst, p.Src
	}
	p.Quote, p.Quoted = q, true
	return p
}

// unquoted is p the other way round, with a reason why there is no quote.
func unquoted(p packet.Packet, f packet.Fault) packet.Packet {
	p.Src, p.Dst = p.Dst, p.Src
	p.QuoteFault = f
	return p
}

// bigTCP is a frame that the kernel has not cut into segments yet: more bytes
// exist than a length field can state.
func bigTCP(b []byte) packet.Frame {
	return packet.Frame{Bytes: b, Length: 100_000, Info: packet.InfoGSO | packet.InfoCsumNotReady}
}

type good struct {
	name  string
	frame packet.Frame
	want  packet.Packet
}

func whole(fields ...string) packet.Frame { return packet.Frame{Bytes: raw(fields...)} }

// goods are packets that must be understood. Bytes are grouped by field, first
// the IP header: version, sizes and class; length; fragment; TTL, protocol.
var goods = []good{
	{"tcp4", packet.Frame{Bytes: tcp4}, acked(p4(40, 6, packet.KindTCP), 0)},
	{"tcp4 syn with options", packet.Frame{Bytes: syn4}, synned(p4(60, 6, packet.KindTCP), 0)},
	{"tcp4 full", packet.Frame{Bytes: full4}, acked(p4(1500, 6, packet.KindTCP), 1460)},
	{"tcp4 headers copied, payload not", packet.Frame{Bytes: full4[:40], Length: 1500},
		acked(p4(1500, 6, packet.KindTCP), 1460)},
	{"tcp4 options beyond the copy range", packet.Frame{Bytes: syn4[:40], Length: 60},
		synned(p4(60, 6, packet.KindTCP), 0)},
	{"IHL 15, options imitate a TCP header", whole("4f 00 0050 0001 0000 40 06 0000", addrs4,
		"0050 0050 00000000 00000000 50 02 0000 0000 0000", zeros(20), ack),
		acked(p4(80, 6, packet.KindTCP), 0)},
	{"padding of Ethernet behind a short packet",
		whole("45 00 0028 0001 0000 40 06 0000", addrs4, ack, "ffffffffffff"),
		acked(p4(40, 6, packet.KindTCP), 0)},
	{"don't fragment and the reserved bit are no fragment",
		whole("45 00 0020 0001 c000 40 11 0000", addrs4, dns),
		ports(p4(32, 17, packet.KindUDP), 40000, 53)},
	{"tcp4 data offset 15", whole("45 00 0050 0001 0000 40 06 0000", addrs4,
		"9c40 01bb 00000001 00000000 f0 02 ffff 0000 0000", zeros(40)),
		synned(p4(80, 6, packet.KindTCP), 0)},
	{"tcp4 all flags, reserved bits set", whole("45 00 0028 0001 0000 40 06 0000", addrs4,
		"0001 ffff ffffffff 80000000 5f ff ffff 0000 0000"),
		func() packet.Packet {
			p := ports(p4(40, 6, packet.KindTCP), 1, 65535)
			p.TCP = conntrack.TCPSegment{Seq: 0xffffffff, Ack: 0x80000000, Flags: 0xff}
			return p
		}()},
	{"BIG TCP over IPv4 states length 0", bigTCP(raw("45 00 0000 0001 0000 40 06 0000", addrs4, ack)),
		acked(p4(100_000, 6, packet.KindTCP), 100_000-40)},
	{"large offload that still states its length",
		packet.Frame{Bytes: raw("45 00 ffff 0001 0000 40 06 0000", addrs4, ack), Length: 65535,
			Info: packet.InfoGSO},
		acked(p4(65535, 6, packet.KindTCP), 65535-40)},

	{"udp4", packet.Frame{Bytes: udp4}, ports(p4(32, 17, packet.KindUDP), 40000, 53)},
	{"udp4 shorter than its packet", whole("45 00 0024 0001 0000 40 11 0000", addrs4, dns, "00000000"),
		ports(p4(36, 17, packet.KindUDP), 40000, 53)},
	{"udp4 without payload", whole("45 00 001c 0001 0000 40 11 0000", addrs4, "9c40 0035 0008 0000"),
		ports(p4(28, 17, packet.KindUDP), 40000, 53)},
	{"udp4 uncut, length covers all segments",
		packet.Frame{Bytes: raw("45 00 2014 0001 0000 40 11 0000", addrs4, "9c40 0035 2000 0000"),
			Length: 8212, Info: packet.InfoGSO},
		ports(p4(8212, 17, packet.KindUDP), 40000, 53)},
	{"udp4 tunnel with BIG TCP inside states length 0",
		bigTCP(raw("45 00 0000 0001 0000 40 11 0000", addrs4, "9c40 12b5 0000 0000")),
		ports(p4(100_000, 17, packet.KindUDP), 40000, 4789)},

	{"icmp4 echo", packet.Frame{Bytes: ping4}, icmp(p4(28, 1, packet.KindICMP), 8, 0, 0x1234)},
	{"icmp4 echo reply", whole("45 00 001c 0001 0000 40 01 0000", addrs4, "00 00 0000 1234 0001"),
		icmp(p4(28, 1, packet.KindICMP), 0, 0, 0x1234)},
	{"icmp4 timestamp", whole("45 00 0028 0001 0000 40 01 0000", addrs4, "0d 00 0000 abcd 0001",
		zeros(12)), icmp(p4(40, 1, packet.KindICMP), 13, 0, 0xabcd)},
	{"icmp4 timestamp reply", whole("45 00 0028 0001 0000 40 01 0000", addrs4, "0e 00 0000 abcd 0001",
		zeros(12)), icmp(p4(40, 1, packet.KindICMP), 14, 0, 0xabcd)},
	{"icmp4 information", whole("45 00 001c 0001 0000 40 01 0000", addrs4, "0f 00 0000 abcd 0001"),
		icmp(p4(28, 1, packet.KindICMP), 15, 0, 0xabcd)},
	{"icmp4 information reply", whole("45 00 001c 0001 0000 40 01 0000", addrs4,
		"10 00 0000 abcd 0001"), icmp(p4(28, 1, packet.KindICMP), 16, 0, 0xabcd)},
	{"icmp4 mask", whole("45 00 0020 0001 0000 40 01 0000", addrs4, "11 00 0000 abcd 0001 ffffff00"),
		icmp(p4(32, 1, packet.KindICMP), 17, 0, 0xabcd)},
	{"icmp4 mask reply", whole("45 00 0020 0001 0000 40 01 0000", addrs4,
		"12 00 0000 abcd 0001 ffffff00"), icmp(p4(32, 1, packet.KindICMP), 18, 0, 0xabcd)},
	{"icmp4 router advertisement has no identifier",
		whole("45 00 001c 0001 0000 40 01 0000", addrs4, "09 10 0000 1234 0001"),
		icmp(p4(28, 1, packet.KindICMP), 9, 16, 0)},

	{"gre whose payload imitates udp", whole("45 00 0020 0001 0000 40 2f 0000", addrs4, dns),
		p4(32, 47, packet.KindOther)},
	{"esp whose payload imitates tcp", whole("45 00 0028 0001 0000 40 32 0000", addrs4, ack),
		p4(40, 50, packet.KindOther)},
	{"udp-lite is not udp", whole("45 00 0020 0001 0000 40 88 0000", addrs4, dns),
		p4(32, 136, packet.KindOther)},
	{"sctp has no ports here", whole("45 00 0020 0001 0000 40 84 0000", addrs4, dns),
		p4(32, 132, packet.KindOther)},
	{"ah is an ordinary protocol in IPv4",
		whole("45 00 0040 0001 0000 40 33 0000", addrs4, "06 04 0000 00000001 00000001", zeros(12), ack),
		p4(64, 51, packet.KindOther)},
	{"icmpv6 inside IPv4 (R12)", whole("45 00 001c 0001 0000 40 3a 0000", addrs4, echo6),
		p4(28, 58, packet.KindOther)},
	{"protocol without payload", whole("45 00 0014 0001 0000 40 ff 0000", addrs4),
		p4(20, 255, packet.KindOther)},

	{"first fragment, udp4: length covers the others",
		whole("45 00 0024 0001 2000 40 11 0000", addrs4, "9c40 0035 0800 0000", zeros(8)),
		first(ports(p4(36, 17, packet.KindUDP), 40000, 53))},
	{"middle fragment, payload imitates udp",
		whole("45 00 0024 0001 2002 40 11 0000", addrs4, "9c40 0035 0010 0000", zeros(8)),
		p4(36, 17, packet.KindFragment)},
	{"last fragment, 5 bytes", whole("45 00 0019 0001 0004 40 11 0000", addrs4, "9c40 0035 00"),
		p4(25, 17, packet.KindFragment)},
	{"udp4 fragment 8 bytes in is legal", whole("45 00 0019 0001 0001 40 11 0000", addrs4, zeros(5)),
		p4(25, 17, packet.KindFragment)},
	{"tcp4 first fragment", whole("45 00 002c 0001 2000 40 06 0000", addrs4, ack, "00000000"),
		first(acked(p4(44, 6, packet.KindTCP), 4))},
	{"tcp4 fragment 16 bytes in", whole("45 00 0028 0001 0002 40 06 0000", addrs4, ack),
		p4(40, 6, packet.KindFragment)},
	{"icmp4 error as first fragment quotes nothing",
		whole("45 00 003c 0001 2000 40 01 0000", addrs4, "03 04 0000 0000 0578",
			"45 00 0028 0001 4000 3f 06 0000", back4, "9c40 01bb 11223344 50 02 0000"),
		first(icmp(p4(60, 1, packet.KindICMP), 3, 4, 0))},
	{"largest packet's last fragment", whole("45 00 0017 0001 1ffd 40 11 0000", addrs4, zeros(3)),
		p4(23, 17, packet.KindFragment)},

	{"tcp6", packet.Frame{Bytes: tcp6}, acked(p6(60, 6, packet.KindTCP), 0)},
	{"udp6", packet.Frame{Bytes: udp6}, ports(p6(52, 17, packet.KindUDP), 40000, 53)},
	{"icmp6 echo", packet.Frame{Bytes: ping6}, icmp(p6(48, 58, packet.KindICMPv6), 128, 0, 0x1234)},
	{"icmp6 echo reply", whole("60000000 0008 3a 40", addrs6, "81 00 0000 1234 0001"),
		icmp(p6(48, 58, packet.KindICMPv6), 129, 0, 0x1234)},
	{"icmp6 neighbour solicitation",
		whole("60000000 0018 3a 40", addrs6, "87 00 0000 00000000", zeros(16)),
		icmp(p6(64, 58, packet.KindICMPv6), 135, 0, 0)},
	{"hop-by-hop, destination options, routing, tcp", packet.Frame{Bytes: chain6},
		acked(p6(100, 6, packet.KindTCP), 0)},
	{"icmp inside IPv6 (R12)", whole("60000000 0008 01 40", addrs6, echo),
		p6(48, 1, packet.KindOther)},
	{"no next header, payload imitates tcp", whole("60000000 0014 3b 40", addrs6, ack),
		p6(60, 59, packet.KindOther)},
	{"esp behind destination options",
		whole("60000000 001c 3c 40", addrs6, "32 00 0104 00000000", ack), p6(68, 50, packet.KindOther)},
	{"gre payload forged as an extension header and udp",
		whole("60000000 0014 2f 40", addrs6, "11 00 0104 00000000", dns), p6(60, 47, packet.KindOther)},
	{"mobility header is not walked", whole("60000000 001c 87 40", addrs6, "06 00 0000 00000000", ack),
		p6(68, 135, packet.KindOther)},
	{"nothing behind the header", whole("60000000 0000 3b 40", addrs6), p6(40, 59, packet.KindOther)},
	{"ah counts in 4 bytes", whole("60000000 002c 33 40", addrs6, "06 04 0000 00000001 00000001",
		zeros(12), ack), acked(p6(84, 6, packet.KindTCP), 0)},
	{"ah of 1024 bits is not taken for one of 8",
		whole("60000000 0020 33 40", addrs6, "11 03 0000 00000001 00000001", zeros(8), dns),
		ports(p6(72, 17, packet.KindUDP), 40000, 53)},
	{"ah without a check value", whole("60000000 0020 33 40", addrs6, "06 01 0000 00000001 00000001",
		ack), acked(p6(72, 6, packet.KindTCP), 0)},
	{"routing type 0, used up", whole("60000000 002c 2b 40", addrs6, "06 02 00 00 00000000", zeros(16),
		ack), acked(p6(84, 6, packet.KindTCP), 0)},
	{"eight extension headers", whole("60000000 0054 3c 40", addrs6,
		strings.Repeat("3c 00 0104 00000000", 7), "06 00 0104 00000000", ack),
		acked(p6(124, 6, packet.KindTCP), 0)},
	{"extension headers of 512 bytes", whole("60000000 0214 3c 40", addrs6, "06 3f", zeros(510), ack),
		acked(p6(572, 6, packet.KindTCP), 0)},
	{"atomic fragment is whole", whole("60000000 001c 2c 40", addrs6, "06 00 0000 00000007", ack),
		acked(p6(68, 6, packet.KindTCP), 0)},
	{"atomic fragment, reserved bits set",
		whole("60000000 001c 2c 40", addrs6, "06 ff 0006 00000007", ack),
		acked(p6(68, 6, packet.KindTCP), 0)},
	{"udp6 first fragment, destination options inside", whole("60000000 0020 2c 40", addrs6,
		"3c 00 0001 00000007", "11 00 0104 00000000", "9c40 0035 0800 0000", zeros(8)),
		first(ports(p6(72, 17, packet.KindUDP), 40000, 53))},
	{"udp6 last fragment imitates udp", whole("60000000 0014 2c 40", addrs6, "11 00 0010 00000007",
		dns), p6(60, 17, packet.KindFragment)},
	{"last fragment of what begins with destination options",
		whole("60000000 0014 2c 40", addrs6, "3c 00 0010 00000007", dns),
		p6(60, 60, packet.KindFragment)},
	{"tcp6 first fragment behind hop-by-hop", whole("60000000 0028 00 40", addrs6,
		"2c 00 0104 00000000", "06 00 0001 00000007", ack, "00000000"),
		first(acked(p6(80, 6, packet.KindTCP), 4))},
	{"BIG TCP over IPv6 with a jumbo option", bigTCP(raw("60000000 0000 00 40", addrs6,
		"06 00 c204 00018678", ack)),
		acked(p6(100_000, 6, packet.KindTCP), 100_000-68)},
	{"BIG TCP over IPv6 without one", bigTCP(raw("60000000 0000 06 40", addrs6, ack)),
		acked(p6(100_000, 6, packet.KindTCP), 100_000-60)},

	{"icmp4 too big, quotes tcp", packet.Frame{Bytes: tooBig4},
		quoting(icmp(p4(68, 1, packet.KindICMP), 3, 4, 0),
			packet.Quote{Proto: 6, Kind: packet.KindTCP, SrcPort: 40000, DstPort: 443})},
	{"icmp4 unreachable, quotes eight bytes of udp", whole("45 00 0038 0002 0000 40 01 0000", back4,
		"03 03 0000 00000000", "45 00 0020 0001 4000 3f 11 0000", addrs4, "9c40 0035 000c 0000"),
		quoting(icmp(p4(56, 1, packet.KindICMP), 3, 3, 0), packet.Quote{Proto: 17,
			Kind: packet.KindUDP, SrcPort: 40000, DstPort: 53})},
	{"icmp4 time exceeded, quotes an echo with options", whole("45 00 003c 0002 0000 40 01 0000",
		back4, "0b 00 0000 00000000", "46 00 0054 0001 0000 01 01 0000", addrs4, "94040000", echo),
		quoting(icmp(p4(60, 1, packet.KindICMP), 11, 0, 0), packet.Quote{Proto: 1,
			Kind: packet.KindICMP, ICMPType: 8, ICMPID: 0x1234})},
	{"icmp4 parameter problem, quotes an echo reply", whole("45 00 0038 0002 0000 40 01 0000",
		back4, "0c 01 0000 00000000", "45 00 0054 0001 0000 01 01 0000", addrs4, "00 00 0000 4321 0001"),
		quoting(icmp(p4(56, 1, packet.KindICMP), 12, 1, 0), packet.Quote{Proto: 1,
			Kind: packet.KindICMP, ICMPType: 0, ICMPID: 0x4321})},
	{"icmp4 error about an error", whole("45 00 0038 0002 0000 40 01 0000", back4,
		"03 01 0000 00000000", "45 00 0054 0001 0000 01 01 0000", addrs4, "03 04 0000 1234 0578"),
		quoting(icmp(p4(56, 1, packet.KindICMP), 3, 1, 0), packet.Quote{Proto: 1,
			Kind: packet.KindICMP, ICMPType: 3, ICMPCode: 4})},
	{"icmp4 quotes gre, nothing behind its header", whole("45 00 0030 0002 0000 40 01 0000", back4,
		"03 02 0000 00000000", "45 00 0054 0001 0000 3f 2f 0000", addrs4),
		quoting(icmp(p4(48, 1, packet.KindICMP), 3, 2, 0), packet.Quote{Proto: 47,
			Kind: packet.KindOther})},
	{"icmp4 quotes a first fragment", whole("45 00 0038 0002 0000 40 01 0000", back4,
		"03 04 0000 0000 0578", "45 00 05dc 0001 2000 3f 11 0000", addrs4, "9c40 0035 0fa0 0000"),
		quoting(icmp(p4(56, 1, packet.KindICMP), 3, 4, 0), packet.Quote{Proto: 17,
			Kind: packet.KindUDP, SrcPort: 40000, DstPort: 53})},
	{"icmp4 quotes a later fragment that imitates udp", whole("45 00 0038 0002 0000 40 01 0000",
		back4, "03 04 0000 0000 0578", "45 00 05dc 0001 20b9 3f 11 0000", addrs4, "9c40 0035 0fa0 0000"),
		quoting(icmp(p4(56, 1, packet.KindICMP), 3, 4, 0), packet.Quote{Proto: 17,
			Kind: packet.KindFragment})},
	{"icmp4 quotes BIG TCP", whole("45 00 0038 0002 0000 40 01 0000", back4, "03 04 0000 0000 0578",
		"45 00 0000 0001 4000 3f 06 0000", addrs4, "9c40 01bb 11223344"),
		quoting(icmp(p4(56, 1, packet.KindICMP), 3, 4, 0), packet.Quote{Proto: 6, Kind: packet.KindTCP,
			SrcPort: 40000, DstPort: 443})},
	{"icmp4 quote whose source is not the error's destination is reported as it is",
		whole("45 00 0038 0002 0000 40 01 0000", back4, "03 04 0000 0000 0578",
			"45 00 05dc 0001 4000 3f 06 0000", "c6336407 c6336408", "9c40 01bb 11223344"),
		quoting(icmp(p4(56, 1, packet.KindICMP), 3, 4, 0),
			packet.Quote{Src: conntrack.Addr4([4]byte{198, 51, 100, 7}),
				Dst: conntrack.Addr4([4]byte{198, 51, 100, 8}), Proto: 6, Kind: packet.KindTCP,
				SrcPort: 40000, DstPort: 443})},
	{"icmp4 redirect is no error (T24)", whole("45 00 0038 0002 0000 40 01 0000", addrs4,
		"05 01 0000 c6336401", "45 00 0028 0001 4000 3f 06 0000", back4, "9c40 01bb 11223344"),
		icmp(p4(56, 1, packet.KindICMP), 5, 1, 0)},
	{"icmp4 source quench is no error (T24)", whole("45 00 0038 0002 0000 40 01 0000", addrs4,
		"04 00 0000 00000000", "45 00 0028 0001 4000 3f 06 0000", back4, "9c40 01bb 11223344"),
		icmp(p4(56, 1, packet.KindICMP), 4, 0, 0)},

	{"icmp6 too big, quotes tcp", packet.Frame{Bytes: tooBig6},
		quoting(icmp(p6(108, 58, packet.KindICMPv6), 2, 0, 0),
			packet.Quote{Proto: 6, Kind: packet.KindTCP, SrcPort: 40000, DstPort: 443})},
	{"icmp6 unreachable, quotes udp behind an atomic fragment header",
		whole("60000000 0040 3a 40", back6, "01 04 0000 00000000", "60000000 0200 2c 3f", addrs6,
			"11 00 0000 00000007", "9c40 0035 01f8 0000"),
		quoting(icmp(p6(104, 58, packet.KindICMPv6), 1, 4, 0),
			packet.Quote{Proto: 17, Kind: packet.KindUDP, SrcPort: 40000, DstPort: 53})},
	{"icmp6 time exceeded, quotes an echo", whole("60000000 0038 3a 40", back6,
		"03 00 0000 00000000", "60000000 0008 3a 01", addrs6, echo6),
		quoting(icmp(p6(96, 58, packet.KindICMPv6), 3, 0, 0), packet.Quote{Proto: 58,
			Kind: packet.KindICMPv6, ICMPType: 128, ICMPID: 0x1234})},
	{"icmp6 parameter problem, quotes a protocol of its own",
		whole("60000000 0030 3a 40", back6, "04 01 0000 00000006", "60000000 0200 fd 3f", addrs6),
		quoting(icmp(p6(88, 58, packet.KindICMPv6), 4, 1, 0), packet.Quote{Proto: 253,
			Kind: packet.KindOther})},
	{"icmp6 redirect is no error (T24)", whole("60000000 0028 3a ff", addrs6, "89 00 0000 00000000",
		zeros(32)),
		func() packet.Packet {
			p := icmp(p6(80, 58, packet.KindICMPv6), 137, 0,
				0)
			p.HopLimit = 255
			return p
		}()},

	{"icmp6 type 5 is no error", whole("60000000 0038 3a 40", back6, "05 00 0000 00000000",
		"60000000 0008 3a 01", addrs6, echo6),
		func() packet.Packet {
			p := icmp(p6(96, 58, packet.KindICMPv6), 5, 0, 0)
			p.Src, p.Dst = p.Dst, p.Src
			return p
		}()},
	{"icmp6 type 0 is no error", whole("60000000 0008 3a 40", addrs6, "00 00 0000 1234 0001"),
		icmp(p6(48, 58, packet.KindICMPv6), 0, 0, 0)},

	{"icmp4 error without a quote", whole("45 00 001c 0002 0000 40 01 0000", back4,
		"03 04 0000 0000 0578"), unquoted(icmp(p4(28, 1, packet.KindICMP), 3, 4, 0),
		packet.FaultTruncated)},
	{"icmp4 error, quote of seven bytes of tcp", whole("45 00 0037 0002 0000 40 01 0000", back4,
		"03 04 0000 0000 0578", "45 00 0028 0001 4000 3f 06 0000", addrs4, "9c40 01bb 112233"),
		unquoted(icmp(p4(55, 1, packet.KindICMP), 3, 4, 0), packet.FaultTruncated)},
	{"icmp4 error, quote ends where its padding begins", whole("45 00 0084 0002 0000 40 01 0000",
		back4, "03 04 0000 0000 0578", "45 00 0018 0001 4000 3f 06 0000", addrs4, "9c40 01bb", zeros(80)),
		unquoted(icmp(p4(132, 1, packet.KindICMP), 3, 4, 0), packet.FaultTruncated)},
	{"icmp4 error, quote beyond the copy range", packet.Frame{Bytes: tooBig4[:50], Length: 68},
		unquoted(icmp(p4(68, 1, packet.KindICMP), 3, 4, 0), packet.FaultBeyondCopy)},
	{"icmp4 error, nothing of the quote copied", packet.Frame{Bytes: tooBig4[:28], Length: 68},
		unquoted(icmp(p4(68, 1, packet.KindICMP), 3, 4, 0), packet.FaultBeyondCopy)},
	{"icmp4 error quotes IPv6", whole("45 00 004c 0002 0000 40 01 0000", back4,
		"03 04 0000 0000 0578", "60000000 0008 11 40", addrs6, "9c40 0035 0008 0000"),
		unquoted(icmp(p4(76, 1, packet.KindICMP), 3, 4, 0), packet.FaultVersion)},
	{"icmp6 error quotes IPv4", whole("60000000 0030 3a 40", back6, "01 04 0000 00000000",
		"45 00 0028 0001 4000 3f 06 0000", addrs4, ack),
		unquoted(icmp(p6(88, 58, packet.KindICMPv6), 1, 4, 0), packet.FaultVersion)},
	{"icmp6 error quotes mapped addresses", whole("60000000 0038 3a 40", back6,
		"01 04 0000 00000000", "60000000 0008 11 3f", zeros(10), "ffff c0000201", zeros(10),
		"ffff c6336402", "9c40 0035 0008 0000"),
		unquoted(icmp(p6(96, 58, packet.KindICMPv6), 1, 4, 0), packet.FaultMapped)},
	{"icmp6 error quotes two fragment headers", whole("60000000 0048 3a 40", back6,
		"01 04 0000 00000000", "60000000 0200 2c 3f", addrs6, "2c 00 0000 00000007",
		"11 00 0000 00000008", "9c40 0035 01f0 0000"),
		unquoted(icmp(p6(112, 58, packet.KindICMPv6), 1, 4, 0), packet.FaultFragments)},
}

func TestParse(t *testing.T) {
	for _, g := range goods {
		t.Run(g.name, func(t *testing.T) {
			var p packet.Packet
			if fault := p.Parse(g.frame); fault != packet.NoFault {
				t.Fatal("fault:", fault)
			}
			if got := facts(p); !same(got, g.want) {
				t.Errorf("got  %+v\nwant %+v", got, g.want)
			}
		})
	}
}

// TestParseReused: what an earlier packet left never shows in the next one.
func TestParseReused(t *testing.T) {
	for _, before := range goods {
		for _, g := range goods {
			var p packet.Packet
			p.Parse(before.frame)
			if fault := p.Parse(g.frame); fault != packet.NoFault {
				t.Fatal(g.name, "fault:", fault)
			}
			if got := facts(p); !same(got, g.want) {
				t.Fatalf("%s after %s:\ngot  %+v\nwant %+v", g.name, before.name, got, g.want)
			}
		}
	}
}

// bads are packets that must not be understood.
var bads = []struct {
	name  string
	frame packet.Frame
	fault packet.Fault
}{
	{"nothing", packet.Frame{}, packet.FaultTruncated},
	{"nothing copied", packet.Frame{Length: 40}, packet.FaultBeyondCopy},
	{"version 0", whole("05 00 0028 0001 4000 40 06 0000", addrs4, ack), packet.FaultVersion},
	{"version 5", whole("55 00 0028 0001 4000 40 06 0000", addrs4, ack), packet.FaultVersion},
	{"version 15", whole("f5 00 0028 0001 4000 40 06 0000", addrs4, ack), packet.FaultVersion},

	{"19 bytes of IPv4", packet.Frame{Bytes: tcp4[:19]}, packet.FaultTruncated},
	{"19 bytes of IPv4 copied", packet.Frame{Bytes: tcp4[:19], Length: 40}, packet.FaultBeyondCopy},
	{"IHL 4", whole("44 00 0028 0001 4000 40 06 0000", addrs4, ack), packet.FaultHeaderLength},
	{"IHL 0", whole("40 00 0028 0001 4000 40 06 0000", addrs4, ack), packet.FaultHeaderLength},
	{"total length below IHL", whole("46 00 0017 0001 4000 40 06 0000", addrs4, "01010101", ack),
		packet.FaultLength},
	{"total length 19", whole("45 00 0013 0001 4000 40 06 0000", addrs4, ack), packet.FaultLength},
	{"total length above the frame", whole("45 00 0029 0001 4000 40 06 0000", addrs4, ack),
		packet.FaultLength},
	{"total length above the true length", packet.Frame{Bytes: full4[:40], Length: 1499},
		packet.FaultLength},
	{"IHL 15 beyond the copy range", packet.Frame{Bytes: raw("4f 00 0050 0001 4000 40 06 0000",
		addrs4, ack), Length: 80}, packet.FaultBeyondCopy},
	{"total length 0", whole("45 00 0000 0001 4000 40 06 0000", addrs4, ack), packet.FaultLength},
	{"total length 0 of a small offload", packet.Frame{Bytes: raw("45 00 0000 0001 4000 40 06 0000",
		addrs4, ack), Length: 65535, Info: packet.InfoGSO}, packet.FaultLength},
	{"total length 0 of a large packet without offload",
		packet.Frame{Bytes: raw("45 00 0000 0001 4000 40 06 0000", addrs4, ack), Length: 100_000,
			Info: packet.InfoCsumNotReady}, packet.FaultLength},
	{"total length 1 of a large offload", bigTCP(raw("45 00 0001 0001 4000 40 06 0000", addrs4,
		ack)), packet.FaultLength},

	{"39 bytes of IPv6", packet.Frame{Bytes: tcp6[:39]}, packet.FaultTruncated},
	{"39 bytes of IPv6 copied", packet.Frame{Bytes: tcp6[:39], Length: 60}, packet.FaultBeyondCopy},
	{"payload length above the frame", whole("60000000 0015 06 40", addrs6, ack), packet.FaultLength},
	{"payload length 0 and tcp", whole("60000000 0000 06 40", addrs6, ack), packet.FaultTruncated},
	{"jumbogram without offload", packet.Frame{Bytes: raw("60000000 0000 00 40", addrs6,
		"06 00 c204 00018678", ack), Length: 100_000}, packet.FaultTruncated},
	{"jumbo option in a small offload", packet.Frame{Bytes: raw("60000000 0000 00 40", addrs6,
		"06 00 c204 0000001c", ack), Length: 65535, Info: packet.InfoGSO}, packet.FaultTruncated},
	{"mapped source", whole("60000000 0014 06 40", zeros(10), "ffff c0000201",
		"20010db8 00000000 00000000 00000001", ack), packet.FaultMapped},
	{"mapped destination", whole("60000000 0014 06 40", "20010db8 00000000 00000000 00000001",
		zeros(10), "ffff c0000201", ack), packet.FaultMapped},

	{"extension header of 7 bytes", whole("60000000 0007 3c 40", addrs6, "06 00 0104 000000"),
		packet.FaultTruncated},
	{"extension header of 7 bytes copied", packet.Frame{Bytes: chain6[:47], Length: 100},
		packet.FaultBeyondCopy},
	{"extension header longer than the packet", whole("60000000 001c 3c 40", addrs6,
		"06 03 0104 00000000", ack), packet.FaultTruncated},
	{"extension header longer than the copy range", packet.Frame{Bytes: chain6[:60], Length: 100},
		packet.FaultBeyondCopy},
	{"hop-by-hop behind destination options", whole("60000000 0024 3c 40", addrs6,
		"00 00 0104 00000000", "06 00 0104 00000000", ack), packet.FaultExtensionOrder},
	{"hop-by-hop twice", whole("60000000 0024 00 40", addrs6, "00 00 0104 00000000",
		"06 00 0104 00000000", ack), packet.FaultExtensionOrder},
	{"ah of 8 bytes", whole("60000000 001c 33 40", addrs6, "06 00 0000 00000001", ack),
		packet.FaultExtensionLength},
	{"nine extension headers", whole("60000000 005c 3c 40", addrs6,
		strings.Repeat("3c 00 0104 00000000", 8), "06 00 0104 00000000", ack), packet.FaultChain},
	{"extension headers of 520 bytes", whole("60000000 021c 3c 40", addrs6, "06 40", zeros(518),
		ack), packet.FaultChain},
	// In eight bits 255+1 wraps to 0 and tcp would seem to begin at byte 40.
	{"extension header of 2048 bytes", whole("60000000 0814 3c 40", addrs6, "06 ff", zeros(2046),
		ack), packet.FaultChain},
	{"ah of 1028 bytes", whole("60000000 0418 33 40", addrs6, "06 ff", zeros(1026), ack),
		packet.FaultChain},
	{"routing type 0, one segment left", whole("60000000 002c 2b 40", addrs6,
		"06 02 00 01 00000000", zeros(16), ack), packet.FaultSourceRoute},

	{"two atomic fragment headers", whole("60000000 0024 2c 40", addrs6, "2c 00 0000 00000007",
		"06 00 0000 00000008", ack), packet.FaultFragments},
	{"two fragment headers, first fragments", whole("60000000 0028 2c 40", addrs6,
		"2c 00 0001 00000007", "06 00 0001 00000008", ack, zeros(4)), packet.FaultFragments},
	{"fragment header behind that of a later fragment", whole("60000000 0024 2c 40", addrs6,
		"2c 00 0010 00000007", "06 00 0010 00000008", ack), packet.FaultFragments},
	{"two fragment headers, one apart", whole("60000000 002c 2c 40", addrs6, "3c 00 0000 00000007",
		"2c 00 0104 00000000", "06 00 0010 00000008", ack), packet.FaultFragments},
	{"tiny first fragment: 16 bytes of tcp", whole("45 00 0024 0001 2000 40 06 0000", addrs4,
		"9c40 01bb 00000001 00000000 50 02 ffff"), packet.FaultFragmentTiny},
	{"first fragment cuts tcp options", whole("45 00 002c 0001 2000 40 06 0000", addrs4,
		"9c40 01bb 00000001 00000000 a0 02 ffff 0000 0000", "02040000"), packet.FaultFragmentTiny},
	{"tcp6 tiny first fragment", whole("60000000 0018 2c 40", addrs6, "06 00 0001 00000007",
		"9c40 01bb 00000001 00000000 50 02 ffff"), packet.FaultFragmentTiny},
	{"first fragment without its last extension header (RFC 7112)",
		whole("60000000 0018 2c 40", addrs6, "3c 00 0001 00000007", "06 02 0000 00000000", zeros(8)),
		packet.FaultFragmentTiny},
	{"first fragment ends before the transport header (RFC 7112)",
		whole("60000000 0010 2c 40", addrs6, "3c 00 0001 00000007", "06 00 0104 00000000"),
		packet.FaultFragmentTiny},
	{"first fragment, transport header beyond the copy range",
		packet.Frame{Bytes: raw("45 00 002c 0001 2000 40 06 0000", addrs4, "9c40 01bb"), Length: 44},
		packet.FaultBeyondCopy},
	{"tcp4 fragment 8 bytes in", whole("45 00 0028 0001 0001 40 06 0000", addrs4, ack),
		packet.FaultFragmentOverlap},
	{"tcp4 fragment 8 bytes in, more follow", whole("45 00 0024 0001 2001 40 06 0000", addrs4,
		zeros(16)), packet.FaultFragmentOverlap},
	{"tcp6 fragment 8 bytes in", whole("60000000 001c 2c 40", addrs6, "06 00 0008 00000007", ack),
		packet.FaultFragmentOverlap},
	{"empty fragment", whole("45 00 0014 0001 0004 40 11 0000", addrs4), packet.FaultFragmentLength},
	{"empty first fragment", whole("45 00 0014 0001 2000 40 11 0000", addrs4),
		packet.FaultFragmentLength},
	{"first fragment of 9 bytes", whole("45 00 001d 0001 2000 40 11 0000", addrs4,
		"9c40 0035 0800 0000 00"), packet.FaultFragmentLength},
	{"icmp6 first fragment of 12 bytes", whole("60000000 0014 2c 40", addrs6, "3a 00 0001 00000007",
		echo6, "00000000"), packet.FaultFragmentLength},
	{"ping of death", whole("45 00 0018 0001 1ffd 40 01 0000", addrs4, zeros(4)),
		packet.FaultFragmentOversize},
	{"ping of death over IPv6", whole("60000000 0010 2c 40", addrs6, "3a 00 fff8 00000007",
		zeros(8)), packet.FaultFragmentOversize},
	{"ping of death by extension headers", whole("60000000 0018 3c 40", addrs6,
		"2c 00 0104 00000000", "3a 00 fff0 00000007", zeros(8)), packet.FaultFragmentOversize},

	{"data offset 4", whole("45 00 0028 0001 4000 40 06 0000", addrs4,
		"9c40 01bb 00000001 00000000 40 02 ffff 0000 0000"), packet.FaultTCPHeader},
	{"data offset 0", whole("45 00 0028 0001 4000 40 06 0000", addrs4,
		"9c40 01bb 00000001 00000000 00 02 ffff 0000 0000"), packet.FaultTCPHeader},
	{"data offset behind the end", whole("45 00 0028 0001 4000 40 06 0000", addrs4,
		"9c40 01bb 00000001 00000000 60 02 ffff 0000 0000"), packet.FaultTCPHeader},
	{"data offset into the padding", whole("45 00 0028 0001 4000 40 06 0000", addrs4,
		"9c40 01bb 00000001 00000000 60 02 ffff 0000 0000", "00000000 0000"), packet.FaultTCPHeader},
	{"data offset 4 in a first fragment", whole("45 00 002c 0001 2000 40 06 0000", addrs4,
		"9c40 01bb 00000001 00000000 40 02 ffff 0000 0000 00000000"), packet.FaultTCPHeader},
	{"19 bytes of tcp, padding behind", whole("45 00 0027 0001 4000 40 06 0000", addrs4, ack),
		packet.FaultTruncated},
	{"19 bytes of tcp copied", packet.Frame{Bytes: tcp4[:39], Length: 40}, packet.FaultBeyondCopy},
	{"udp length 7", whole("45 00 0020 0001 4000 40 11 0000", addrs4,
		"9c40 0035 0007 0000 deadbeef"), packet.FaultUDPLength},
	{"udp length 0", whole("60000000 000c 11 40", addrs6, "9c40 0035 0000 0000 deadbeef"),
		packet.FaultUDPLength},
	{"udp length 0 where 65535 would do", packet.Frame{Bytes: raw("60000000 ffff 11 40", addrs6,
		"9c40 0035 0000 0000"), Length: 65575, Info: packet.InfoGSO}, packet.FaultUDPLength},
	{"udp length behind the end", whole("45 00 0020 0001 4000 40 11 0000", addrs4,
		"9c40 0035 000d 0000 deadbeef"), packet.FaultUDPLength},
	{"udp length into the padding", whole("45 00 0020 0001 4000 40 11 0000", addrs4,
		"9c40 0035 000d 0000 deadbeef 00"), packet.FaultUDPLength},
	{"udp length 7 in a first fragment", whole("45 00 0024 0001 2000 40 11 0000", addrs4,
		"9c40 0035 0007 0000", zeros(8)), packet.FaultUDPLength},
	{"seven bytes of udp", whole("45 00 001b 0001 4000 40 11 0000", addrs4, "9c40 0035 0008 00"),
		packet.FaultTruncated},
	{"seven bytes of udp copied", packet.Frame{Bytes: udp6[:47], Length: 52}, packet.FaultBeyondCopy},
	{"seven bytes of icmp", whole("45 00 001b 0001 4000 40 01 0000", addrs4, "08 00 0000 1234 00"),
		packet.FaultTruncated},
	{"seven bytes of icmp6 copied", packet.Frame{Bytes: ping6[:47], Length: 48},
		packet.FaultBeyondCopy},
}

func TestParseFaults(t *testing.T) {
	reached := map[packet.Fault]bool{packet.NoFault: true}
	for _, b := range bads {
		t.Run(b.name, func(t *testing.T) {
			reached[b.fault] = true
			var p packet.Packet
			if fault := p.Parse(b.frame); fault != b.fault {
				t.Errorf("fault %v, want %v (%+v)", fault, b.fault, facts(p))
			}
		})
	}
	for f := range packet.Fault(packet.NumFaults) {
		if !reached[f] {
			t.Error("no packet for fault", f)
		}
	}
}

// window returns the first n bytes of b in a buffer that goes on with fill.
func window(b []byte, n int, fill byte) []byte {
	w := append(bytes.Clone(b[:n]), bytes.Repeat([]byte{fill}, 256)...)
	return w[:n]
}

// TestParseCut cuts every packet at every length, by copy range and for good,
// and puts different bytes behind the cut: they must never show.
func TestParseCut(t *testing.T) {
	for _, g := range goods {
		whole := g.frame.Bytes
		length := max(g.frame.Length, uint32(len(whole)))
		for n := range len(whole) {
			frame := func(fill byte, length uint32) packet.Frame {
				return packet.Frame{Bytes: window(whole, n, fill), Length: length, Info: g.frame.Info}
			}
			at := fmt.Sprintf("%s, %d of %d bytes", g.name, n, len(whole))
			var zero, ones packet.Packet
			switch fz, fo := zero.Parse(frame(0, length)), ones.Parse(frame(0xff, length)); {
			case fz != fo:
				t.Fatalf("%s copied: fault %v or %v, as bytes behind it say", at, fz, fo)
			case fz == packet.NoFault:
				got, want := facts(zero), g.want
				if got.QuoteFault == packet.FaultBeyondCopy {
					want.Quote, want.Quoted, want.QuoteFault = got.Quote, false, got.QuoteFault
				}
				if !same(got, want) || !same(facts(ones), got) {
					t.Fatalf("%s copied:\ngot  %+v\nor   %+v\nwant %+v", at, got, facts(ones), want)
				}
			case fz != packet.FaultBeyondCopy:
				t.Fatalf("%s copied: fault %v", at, fz)
			}

			// Without a true length the packet itself is too short, unless only
			// trailing bytes are gone.
			var p packet.Packet
			fault := p.Parse(frame(0xff, 0))
			if lost := n < int(g.want.Length); lost != (fault != packet.NoFault) {
				t.Fatalf("%s: fault %v", at, fault)
			}
		}
	}
}

// TestParseTrailing: bytes behind the packet's own end change nothing.
func TestParseTrailing(t *testing.T) {
	for _, g := range goods {
		if g.frame.Length != 0 {
			continue
		}
		for n := range 64 {
			var p packet.Packet
			f := packet.Frame{Bytes: append(bytes.Clone(g.frame.Bytes), bytes.Repeat([]byte{0x11}, n)...)}
			if fault := p.Parse(f); fault != packet.NoFault || !same(facts(p), g.want) {
				t.Fatalf("%s and %d bytes: fault %v, %+v", g.name, n, fault, facts(p))
			}
		}
	}
}

func TestParseAllocs(t *testing.T) {
	var p packet.Packet
	for _, g := range goods {
		if n := testing.AllocsPerRun(10, func() {
			p.Parse(g.frame)
			p.Tuple(1,
				conntrack.Egress)
			p.Quote.Tuple(1, conntrack.Egress)
		}); n != 0 {
			t.Errorf("%s: %v allocations", g.name, n)
		}
	}
	for _, b := range bads {
		if n := testing.AllocsPerRun(10, func() { p.Parse(b.frame) }); n != 0 {
			t.Errorf("%s: %v allocations", b.name, n)
		}
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for f := range packet.Fault(packet.NumFaults) {
		if s := f.String(); s == "" || seen[s] || strings.HasPrefix(s, "fault_") {
			t.Errorf("fault %d is called %q", uint8(f), s)
		} else {
			seen[s] = true
		}
	}
	if s := packet.Fault(200).String(); s != "fault_200" {
		t.Error(s)
	}
	if s := packet.KindFragment.String() + " " + packet.Kind(9).String(); s != "fragment kind_9" {
		t.Error(s)
	}
}
