package wire

import "net/netip"

// Checksum is the Internet checksum of RFC 1071 over b, whose own checksum field
// is 0.
func Checksum(b []byte) uint16 { return ^fold(sum(0, b)) }

// transportChecksum is Checksum over the pseudo header (RFC 9293 §3.1, RFC 8200
// §8.1) and b.
func transportChecksum(src, dst netip.Addr, protocol uint8, b []byte) uint16 {
	s := sum(0, src.AsSlice())
	s = sum(s, dst.AsSlice())
	s += uint32(protocol) + uint32(len(b))
	return ^fold(sum(s, b))
}

func sum(s uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// checksum writes b's checksum at the given offset as the options want it.
func (c *config) checksum(src, dst netip.Addr, protocol uint8, b []byte, at int) {
	if c.noChecksum {
		return
	}
	v := transportChecksum(src, dst, protocol, b)
	if protocol == ProtoICMP {
		v = Checksum(b)
	}
	if protocol == ProtoUDP && v == 0 {
		v = 0xffff // RFC 768: 0 is "not computed"
	}
	if c.badChecksum {
		v ^= 0x5555
	}
	put(b, at, v)
}
