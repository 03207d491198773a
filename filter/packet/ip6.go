package packet

import "sgfw/conntrack"

// header6 is the size of the IPv6 header without extensions (RFC 8200 §3).
const header6 = 40

// What is walked of an extension-header chain. RFC 8504 §5.3 lets a node limit
// both; real chains have one or two headers, and a longer one would not fit
// the range that is copied from the kernel.
const (
	maxExtensions      = 8
	maxExtensionLength = 512 // bytes
)

// Extension headers that are walked. Everything else ends the chain, known or
// not: what is behind ESP, no-next-header or an unknown number is payload and
// never looked at.
const (
	extHopByHop    = 0
	extRouting     = 43
	extFragment    = 44
	extAuth        = 51
	extDestination = 60
)

// fragmentSize is the size of a fragment header (RFC 8200 §4.5), fixedAuth the
// part of an authentication header before its check value (RFC 4302 §2).
const (
	fragmentSize = 8
	fixedAuth    = 12
)

// network6 is network for IPv6.
func (p *Packet) network6(b []byte, length int, info uint32) ([]byte, int, Fault) {
	if len(b) < header6 {
		return nil, 0, lack(header6, length)
	}
	total := header6 + int(be.Uint16(b[4:]))
	if total == header6 && info&InfoGSO != 0 && length > maxLength {
		// BIG TCP, with or without a jumbo option in a hop-by-hop header (K19).
		total = length
	}
	if total > length {
		return nil, 0, FaultLength
	}
	p.Src = conntrack.Addr16([16]byte(b[8:]))
	p.Dst = conntrack.Addr16([16]byte(b[24:]))
	if p.Src.Is4() || p.Dst.Is4() {
		return nil, 0, FaultMapped
	}
	p.Length = uint32(total)
	p.HopLimit = b[7]
	h, left := b[header6:min(total, len(b))], total-header6
	if !isExtension(b[6]) {
		p.setProto6(b[6])
		return h, left, NoFault
	}
	p.Extended = true
	return p.extensions(h, left, b[6])
}

func isExtension(next uint8) bool {
	switch next {
	case extHopByHop, extRouting, extFragment, extAuth, extDestination:
		return true
	}
	return false
}

// setProto6 sets Proto and Kind to what follows the last extension header.
func (p *Packet) setProto6(proto uint8) {
	p.Proto = proto
	switch proto {
	case protoTCP:
		p.Kind = KindTCP
	case protoUDP:
		p.Kind = KindUDP
	case protoICMPv6:
		p.Kind = KindICMPv6
	default:
		p.Kind = KindOther
	}
}

// extensions walks the chain that starts with a header of type next at h[0].
// Sizes are ints throughout: in eight bits they would wrap and let a long
// header pass for a short one.
func (p *Packet) extensions(h []byte, left int, next uint8) ([]byte, int, Fault) {
	payload, fragmented := left, false
	for n := 0; isExtension(next); n++ {
		if n == maxExtensions {
			return nil, 0, FaultChain
		}
		if len(h) < 8 {
			return nil, 0, p.lack(8, left)
		}
		size := (int(h[1]) + 1) * 8
		switch next {
		case extHopByHop:
			if n != 0 {
				return nil, 0, FaultExtensionOrder
			}
		case extRouting:
			if h[2] == 0 && h[3] != 0 { // type 0, segments left
				return nil, 0, FaultSourceRoute
			}
			p.rerouted = p.rerouted || h[3] != 0 // the destination is the last segment
		case extDestination:
			p.rerouted = true // the source may be a home address in it (RFC 6275 §11.3.1)
		case extAuth:
			if size = (int(h[1]) + 2) * 4; size < fixedAuth {
				return nil, 0, FaultExtensionLength
			}
		case extFragment:
			if fragmented {
				return nil, 0, FaultFragments
			}
			size, fragmented = fragmentSize, true
		}
		before := payload - left
		if before+size > maxExtensionLength {
			return nil, 0, FaultChain
		}
		if size > len(h) {
			return nil, 0, p.lack(size, left)
		}
		kind, this := next, h
		next, h, left = h[0], h[size:], left-size
		if kind != extFragment {
			continue
		}
		field := be.Uint16(this[2:])
		offset, more := int(field&^7), field&1 != 0
		if offset == 0 && !more {
			continue // an atomic fragment is a whole packet (RFC 6946)
		}
		if next == extFragment {
			return nil, 0, FaultFragments
		}
		p.setProto6(next)
		if fault := p.fragment(offset, left, before, more); fault != NoFault {
			return nil, 0, fault
		}
		if !p.First {
			return h, left, NoFault
		}
	}
	p.setProto6(next)
	return h, left, NoFault
}
