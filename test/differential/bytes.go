package differential

import (
	"net/netip"

	"sgfw/test/naive"
	"sgfw/test/wire"
)

// partSize is where fragmented packets of trials are cut, in bytes behind the IP
// header: behind every transport header.
const partSize = 40

// Bytes builds the packet. content is what it carries if it carries anything that
// is not said: a TCP segment has as many bytes as its Len says, of content first. The options are
// the outer packet's.
func Bytes(p *naive.Packet, content []byte, more ...wire.Option) []byte {
	if p.Part != naive.Whole {
		content = append(content[:len(content):len(content)], make([]byte, 2*partSize)...)
	}
	options := append([]wire.Option{wire.HopLimit(uint8(p.HopLimit))}, more...)
	if p.Corrupt {
		options = append(options, wire.BadChecksum())
	}
	src, dst := netip.AddrPortFrom(p.Src, uint16(p.SrcPort)),
		netip.AddrPortFrom(p.Dst, uint16(p.DstPort))
	icmp := p.Protocol == naive.ICMP && p.Src.Is4() || p.Protocol == naive.ICMPv6 && p.Src.Is6()
	var b []byte
	switch {
	case p.Protocol == naive.TCP:
		payload := make([]byte, p.Len)
		copy(payload, content)
		if p.Part != naive.Whole {
			payload = content
		}
		b = wire.TCP(src, dst, wire.Flags(p.Flags), p.Seq, p.Ack, payload, options...)
	case p.Protocol == naive.UDP:
		b = wire.UDP(src, dst, content, options...)
	case icmp:
		if p.Quote != nil {
			// All that an error has to quote is the header and eight bytes.
			content = Bytes(p.Quote, content)
		}
		b = wire.ICMP(p.Src, p.Dst, uint8(p.Type), uint8(p.Code), uint32(p.ID)<<16, content, options...)
	default:
		b = wire.Proto(p.Src, p.Dst, uint8(p.Protocol), content, options...)
	}
	switch p.Part {
	case naive.FirstPart:
		b = wire.Assemble(b, 77, wire.Cut(b, 0, partSize))[0]
	case naive.LaterPart:
		b = wire.Assemble(b, 77, wire.Cut(b, partSize, -1))[0]
	}
	return b[:max(0, len(b)-p.Missing)]
}
