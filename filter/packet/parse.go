package packet

import "encoding/binary"

var be = binary.BigEndian

// maxLength is the largest length that an IP header can state. Only a packet
// that the kernel has not yet cut into segments (BIG TCP) is longer, and says 0.
const maxLength = 65535

// Parse fills p from one packet. It reads no byte behind the packet's own end,
// so padding of the link and other trailing bytes never count. After a fault
// nothing in p may be used. Parse does not allocate. Distinct Packets may be
// parsed at the same time.
//
// Checksums are not verified here, see Intact.
func (p *Packet) Parse(f Frame) Fault {
	p.First, p.Extended, p.rerouted = false, false, false
	p.Quoted, p.QuoteFault = false, NoFault
	h, left, fault := p.network(f.Bytes, max(int(f.Length), len(f.Bytes)), f.Info)
	if fault != NoFault {
		return fault
	}
	if f.Info&InfoCsumNotVerified != 0 || p.unverified != nil {
		p.unverified = p.verifiable(h, left, f.Info)
	}
	switch p.Kind {
	case KindTCP:
		return p.tcp(h, left)
	case KindUDP:
		return p.udp(h, left)
	case KindICMP, KindICMPv6:
		return p.icmp(h, left)
	}
	return NoFault
}

// network walks the IP header and the extension headers of a packet of which b
// is here and length bytes exist. It returns the bytes of the payload that are
// here and the number that the packet has; the first never exceeds the second.
// It sets all fields of p above the ports.
func (p *Packet) network(b []byte, length int, info uint32) (h []byte, left int, _ Fault) {
	if len(b) == 0 {
		return nil, 0, lack(1, length)
	}
	switch b[0] >> 4 {
	case 4:
		return p.network4(b, length, info)
	case 6:
		return p.network6(b, length, info)
	}
	return nil, 0, FaultVersion
}

// lack tells why a header that needs the first need bytes cannot be read in a
// packet, or a part of one, of length bytes.
func lack(need, length int) Fault {
	if need <= length {
		return FaultBeyondCopy
	}
	return FaultTruncated
}

// lack is the function lack behind the fragment header, where the first of
// several fragments owes every header (RFC 7112).
func (p *Packet) lack(need, left int) Fault {
	if fault := lack(need, left); fault == FaultBeyondCopy || !p.First {
		return fault
	}
	return FaultFragmentTiny
}

// fragment judges one of several fragments: offset and size are its place in
// the payload and its own length, head what precedes the payload and counts
// for the largest length. Proto is set.
func (p *Packet) fragment(offset, size, head int, more bool) Fault {
	switch {
	case size == 0, more && size%8 != 0:
		return FaultFragmentLength
	case head+offset+size > maxLength:
		return FaultFragmentOversize
	case offset == 8 && p.Proto == protoTCP:
		return FaultFragmentOverlap
	case offset == 0:
		p.First = true
	default:
		p.Kind = KindFragment
	}
	return NoFault
}
