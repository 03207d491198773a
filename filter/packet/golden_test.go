package packet_test

import (
	"encoding/hex"
	"strings"
)

// raw returns the bytes of hex strings; blanks group them by field.
func raw(fields ...string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Join(fields, ""), " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// zeros returns n zero bytes as hex.
func zeros(n int) string { return strings.Repeat("00", n) }

// Parts of packets that many tests share. Headers that hold a length are
// written out by each test.
const (
	// addrs4 is 192.0.2.1 to 198.51.100.2.
	addrs4 = "c0000201 c6336402"
	// back4 is 198.51.100.2 to 192.0.2.1.
	back4 = "c6336402 c0000201"
	// addrs6 is 2001:db8::1 to 2001:db8:0:2::2.
	addrs6 = "20010db8 00000000 00000000 00000001 20010db8 00000002 00000000 00000002"
	// back6 is 2001:db8:0:2::2 to 2001:db8::1.
	back6 = "20010db8 00000002 00000000 00000002 20010db8 00000000 00000000 00000001"
	// ack is 40000 to 443, seq 0x11223344, ack 0x55667788, offset 5, PSH ACK.
	ack = "9c40 01bb 11223344 55667788 50 18 ffff 0000 0000"
	// dns is 40000 to 53, length 12, and four bytes.
	dns = "9c40 0035 000c 0000 deadbeef"
	// echo is an ICMP echo request, id 0x1234, sequence 1.
	echo = "08 00 0000 1234 0001"
	// echo6 is an ICMPv6 echo request, id 0x1234, sequence 1.
	echo6 = "80 00 0000 1234 0001"
)

// Whole packets that benchmarks and seeds use too.
var (
	// version 4 IHL 5, tos, total 40, id, DF, TTL 64, TCP, checksum
	tcp4 = raw("45 00 0028 0001 4000 40 06 0000", addrs4, ack)
	// total 60; data offset 10: mss, sackOK, timestamps, nop, wscale
	syn4 = raw("45 00 003c 0001 4000 40 06 0000", addrs4,
		"9c40 01bb 00000001 00000000 a0 02 ffff 0000 0000",
		"020405b4 0402 080a 00000001 00000000 01 030307")
	// total 1500: 1460 bytes of payload
	full4 = raw("45 00 05dc 0001 4000 40 06 0000", addrs4, ack, zeros(1460))
	udp4  = raw("45 00 0020 0001 4000 40 11 0000", addrs4, dns)
	ping4 = raw("45 00 001c 0001 4000 40 01 0000", addrs4, echo)
	// version 6, class, label; payload 20, TCP, hop limit 64
	tcp6  = raw("60000000 0014 06 40", addrs6, ack)
	udp6  = raw("60000000 000c 11 40", addrs6, dns)
	ping6 = raw("60000000 0008 3a 40", addrs6, echo6)
	// hop-by-hop (PadN 4), destination options (PadN 4), routing (type 4, one
	// segment used up, 8+16 bytes), TCP: payload 8+8+24+20
	chain6 = raw("60000000 003c 00 40", addrs6,
		"3c 00 0104 00000000",
		"2b 00 0104 00000000",
		"06 02 04 00 00000000 20010db8 00000000 00000000 00000009",
		ack)
	// fragmentation needed, MTU 1400, about tcp4: total 20+8+40
	tooBig4 = raw("45 00 0044 0002 0000 40 01 0000", back4, "03 04 0000 0000 0578",
		"45 00 0028 0001 4000 3f 06 0000", addrs4, ack)
	// packet too big, MTU 1400, about tcp6: payload 8+60
	tooBig6 = raw("60000000 0044 3a 40", back6, "02 00 0000 00000578", "60000000 0014 06 3f", addrs6,
		ack)
)
