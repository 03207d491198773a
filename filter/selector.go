package filter

import (
	"sgfw/filter/match"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// selectorOf returns the selector of a packet. Source ports cannot be filtered
// (R6).
func selectorOf(p *packet.Packet) match.Selector {
	switch p.Kind {
	case packet.KindTCP, packet.KindUDP:
		return match.Selector(p.Proto)<<16 | match.Selector(p.DstPort)
	case packet.KindICMP, packet.KindICMPv6:
		return match.Selector(p.Proto)<<16 | match.Selector(p.ICMPType)<<8 | match.Selector(p.ICMPCode)
	case packet.KindFragment:
		return match.Portless
	default:
		return match.Selector(p.Proto) << 16
	}
}

// selectorRange returns the selectors that a rule covers, inclusive. ICMP
// never covers the other family's ICMP: their numbers differ (R12).
func selectorRange(r *policy.Rule) (lo, hi match.Selector) {
	if r.Protocol == policy.AllProtocols {
		return 0, match.Portless | match.MaxLow
	}
	base := match.Selector(r.Protocol) << 16
	switch r.Protocol {
	case policy.TCP, policy.UDP:
		return base | match.Selector(r.From), base | match.Selector(r.To)
	case policy.ICMP, policy.ICMPv6:
		switch {
		case r.From < 0:
			return base, base | match.MaxLow
		case r.To < 0:
			return base | match.Selector(r.From)<<8, base | match.Selector(r.From)<<8 | 0xff
		default:
			s := base | match.Selector(r.From)<<8 | match.Selector(r.To)
			return s, s
		}
	default:
		return base, base | match.MaxLow
	}
}
