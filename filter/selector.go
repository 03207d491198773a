package filter

import (
	"sgfw/filter/packet"
	"sgfw/policy"
)

// selector is what a rule can say of a packet besides its peer, as one number:
// protocol<<16 | destination port, or protocol<<16 | type<<8 | code for ICMP.
// A rule is then one range of selectors, whatever its protocol; ports 1-65535
// are one range like any other.
type selector uint32

const (
	// portless is the selector of a packet whose ports or type are not to be
	// seen, a later fragment: a protocol number beyond 255, so that only a rule
	// for all protocols covers it (T25).
	portless selector = 256 << 16

	maxLow = 0xffff
)

// selectorOf returns the selector of a packet. Source ports cannot be filtered
// (R6).
func selectorOf(p *packet.Packet) selector {
	switch p.Kind {
	case packet.KindTCP, packet.KindUDP:
		return selector(p.Proto)<<16 | selector(p.DstPort)
	case packet.KindICMP, packet.KindICMPv6:
		return selector(p.Proto)<<16 | selector(p.ICMPType)<<8 | selector(p.ICMPCode)
	case packet.KindFragment:
		return portless
	default:
		return selector(p.Proto) << 16
	}
}

// selectorRange returns the selectors that a rule covers, inclusive. ICMP
// never covers the other family's ICMP: their numbers differ (R12).
func selectorRange(r *policy.Rule) (lo, hi selector) {
	if r.Protocol == policy.AllProtocols {
		return 0, portless | maxLow
	}
	base := selector(r.Protocol) << 16
	switch r.Protocol {
	case policy.TCP, policy.UDP:
		return base | selector(r.From), base | selector(r.To)
	case policy.ICMP, policy.ICMPv6:
		switch {
		case r.From < 0:
			return base, base | maxLow
		case r.To < 0:
			return base | selector(r.From)<<8, base | selector(r.From)<<8 | 0xff
		default:
			s := base | selector(r.From)<<8 | selector(r.To)
			return s, s
		}
	default:
		return base, base | maxLow
	}
}
