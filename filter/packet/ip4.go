package packet

import "sgfw/conntrack"

// Sizes and bits of the IPv4 header (RFC 791 §3.1).
const (
	minHeader4    = 20
	fragmentMore  = 0x2000
	fragmentField = 0x1fff
)

// network4 is network for IPv4. Options are skipped.
func (p *Packet) network4(b []byte, length int, info uint32) ([]byte, int, Fault) {
	if len(b) < minHeader4 {
		return nil, 0, lack(minHeader4, length)
	}
	size := int(b[0]&15) * 4
	total := int(be.Uint16(b[2:]))
	if size < minHeader4 {
		return nil, 0, FaultHeaderLength
	}
	if total < size || total > length {
		if total != 0 || info&InfoGSO == 0 || length <= maxLength {
			return nil, 0, FaultLength
		}
		total = length
	}
	end := min(total, len(b))
	if size > end {
		return nil, 0, FaultBeyondCopy
	}
	p.Src = conntrack.Addr4([4]byte(b[12:]))
	p.Dst = conntrack.Addr4([4]byte(b[16:]))
	p.Length = uint32(total)
	p.HopLimit = b[8]
	p.Proto = b[9]
	switch b[9] {
	case protoTCP:
		p.Kind = KindTCP
	case protoUDP:
		p.Kind = KindUDP
	case protoICMP:
		p.Kind = KindICMP
	default:
		p.Kind = KindOther
	}
	if field := be.Uint16(b[6:]); field&(fragmentMore|fragmentField) != 0 {
		offset := int(field&fragmentField) * 8
		if fault := p.fragment(offset, total-size, size, field&fragmentMore != 0); fault != NoFault {
			return nil, 0, fault
		}
	}
	return b[size:end], total - size, NoFault
}
