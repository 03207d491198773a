package nft

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
)

// Frames by hand, as an attacker on the link would make them. Checksums above IPv4 are
// left zero: nobody verifies them before the hooks.

func ethernet(dst, src net.HardwareAddr, packet []byte) []byte {
	kind := []byte{0x08, 0x00}
	if packet[0]>>4 == 6 {
		kind = []byte{0x86, 0xdd}
	}
	return slices.Concat(dst, src, kind, packet)
}

// multicastMAC is where a link sends a group (RFC 1112 §6.4, RFC 2464 §7).
func multicastMAC(group string) net.HardwareAddr {
	a := netip.MustParseAddr(group)
	b := a.AsSlice()
	switch {
	case a.Is6():
		return net.HardwareAddr{0x33, 0x33, b[12], b[13], b[14], b[15]}
	case b[0] >= 240:
		return net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	return net.HardwareAddr{0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3]}
}

// ip4 is an IPv4 packet; fragment is the flags and offset field.
func ip4(src, dst string, protocol byte, fragment uint16, payload []byte) []byte {
	h := []byte{
		0x45, 0, // version and header length, service
		0, 0, // total length
		0x12, 0x34, // identification
		0, 0, // flags, fragment offset
		64, protocol,
		0, 0, // checksum
	}
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(payload)))
	binary.BigEndian.PutUint16(h[6:], fragment)
	h = append(h, netip.MustParseAddr(src).AsSlice()...)
	h = append(h, netip.MustParseAddr(dst).AsSlice()...)
	var sum uint32
	for i := 0; i < len(h); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(h[10:], ^uint16(sum))
	return append(h, payload...)
}

func ip6(src, dst string, next, hopLimit byte, payload []byte) []byte {
	h := []byte{0x60, 0, 0, 0, 0, 0, next, hopLimit}
	binary.BigEndian.PutUint16(h[4:], uint16(len(payload)))
	h = append(h, netip.MustParseAddr(src).AsSlice()...)
	h = append(h, netip.MustParseAddr(dst).AsSlice()...)
	return append(h, payload...)
}

func udp(sport, dport uint16, data string) []byte {
	b := binary.BigEndian.AppendUint16(nil, sport)
	b = binary.BigEndian.AppendUint16(b, dport)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(data)))
	return append(append(b, 0, 0), data...)
}

// icmp6 is a message of 24 bytes, enough for each kind used here.
func icmp6(kind byte) []byte { return append([]byte{kind}, make([]byte, 23)...) }

// hopByHop puts a header with the router alert of MLD before a payload
// (RFC 2711).
func hopByHop(next byte, payload []byte) []byte {
	return append([]byte{next, 0, 5, 2, 0, 0, 1, 0}, payload...)
}

// destOptions is a destination options header of padding.
func destOptions(next byte, payload []byte) []byte {
	return append([]byte{next, 0, 1, 4, 0, 0, 0, 0}, payload...)
}

// fragment6 puts a fragment header before a payload; field is the offset in
// bytes, a multiple of 8, and the more flag in bit 0.
func fragment6(next byte, field uint16, payload []byte) []byte {
	b := []byte{next, 0, byte(field >> 8), byte(field), 0, 0, 0, 7}
	return append(b, payload...)
}
