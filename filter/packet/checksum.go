package packet

import "math/bits"

// verifiable returns the bytes whose checksum nobody has verified and that are all
// here, nil if there are none. The kernel vouches for what it has verified itself, for
// what a device did, and for what it sends. A checksum that is still to be filled in, by
// a device or when an aggregate is cut into segments, is not a wrong one.
func (p *Packet) verifiable(h []byte, left int, info uint32) []byte {
	if info&InfoCsumNotVerified == 0 || info&(InfoCsumNotReady|InfoGSO) != 0 || p.First ||
		p.rerouted || len(h) != left {
		return nil
	}
	return h
}

// Intact reports whether the packet's checksum is right, or there is nothing to compare:
// the kernel vouches for it, the packet carries none, or not all of it is here. It reads
// the bytes that were parsed, so it must not be called once these are used again. It is
// for the first packet of a flow: reading all of a packet takes as long as judging it.
//
// TCP, UDP, ICMP and ICMPv6 have a checksum that a firewall can know. Of other protocols
// the payload is not looked at (T10).
func (p *Packet) Intact() bool {
	b := p.unverified
	if b == nil {
		return true
	}
	sum := uint64(0)
	switch p.Kind {
	case KindTCP, KindICMPv6:
		sum = p.pseudo(len(b))
	case KindUDP:
		b = b[:be.Uint16(b[4:])]
		if b[6]|b[7] == 0 { // not computed, in IPv6 by some tunnels (RFC 6935)
			return true
		}
		sum = p.pseudo(len(b))
	case KindICMP:
	default:
		return true
	}
	return fold(addWords(sum, b)) == 0xffff
}

// pseudo is the sum of the pseudo-header of a payload of n bytes (RFC 9293 §3.1, RFC 8200
// §8.1). That IPv4 addresses are held mapped adds 0xffff for each, which is nothing in
// one's complement.
func (p *Packet) pseudo(n int) uint64 {
	sum, carry := bits.Add64(p.Src.Hi, p.Src.Lo, 0)
	sum, carry = bits.Add64(sum, p.Dst.Hi, carry)
	sum, carry = bits.Add64(sum, p.Dst.Lo, carry)
	sum, carry = bits.Add64(sum, uint64(n)+uint64(p.Proto), carry)
	return sum + carry
}

// addWords adds bytes to a one's complement sum, as big-endian words (RFC 1071 §2).
func addWords(sum uint64, b []byte) uint64 {
	var carry uint64
	for ; len(b) >= 8; b = b[8:] {
		sum, carry = bits.Add64(sum, be.Uint64(b), carry)
	}
	var rest [8]byte
	copy(rest[:], b)
	sum, carry = bits.Add64(sum, be.Uint64(rest[:]), carry)
	return sum + carry // which is no more, since rest is never all ones
}

// fold makes 16 bits of a sum.
func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
