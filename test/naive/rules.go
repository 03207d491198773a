package naive

import "net/netip"

// Match is a rule that permits a packet.
type Match struct {
	Group string
	Rule  Rule
}

// permitting returns every rule of the interface's groups that permits the packet
// in its direction. One is enough; there is no order, and no rule takes anything
// away (R4, R5, D6).
func (m *Machine) permitting(n *Interface, d Direction, p *Packet) []Match {
	var all []Match
	for _, g := range m.policy.Groups {
		if !has(n.Groups, g.Name) {
			continue
		}
		for _, r := range g.Rules[d] {
			if r.covers(p) && m.stands(r, peer(d, p)) {
				all = append(all, Match{g.Name, r})
			}
		}
	}
	return all
}

// peer is the far side: the source of what enters, the destination of what leaves.
func peer(d Direction, p *Packet) netip.Addr {
	if d == In {
		return p.Src
	}
	return p.Dst
}

// covers reports whether the rule speaks of such packets, whoever the peer is.
func (r Rule) covers(p *Packet) bool {
	switch {
	case r.Protocol == All: // every protocol, those without names too (R15)
		return true
	case p.Part == LaterPart: // what it carries is not to be seen (T25)
		return false
	case r.Protocol != p.Protocol:
		return false
	case r.Protocol == TCP, r.Protocol == UDP: // destination ports (R6)
		return r.From <= p.DstPort && p.DstPort <= r.To
	case r.Protocol == ICMP, r.Protocol == ICMPv6:
		// ICMP is IPv4's and ICMPv6 is IPv6's, whatever the CIDR says (R12).
		return p.isICMP() && (r.From == All || r.From == p.Type) && (r.To == All || r.To == p.Code)
	}
	return true // a protocol without ports as a whole (R13)
}

// stands reports whether the address is one of the rule's peers.
func (m *Machine) stands(r Rule, a netip.Addr) bool {
	switch {
	case r.CIDR.IsValid():
		return inside(r.CIDR, a)
	case r.List != "":
		for _, l := range m.policy.Lists {
			for _, e := range l.Entries {
				if l.Name == r.List && inside(e, a) {
					return true
				}
			}
		}
		return false
	}
	return delegated(m.policy.Members(r.Group, m.devices), a)
}

// inside compares bit by bit. The families are apart: 0.0.0.0/0 has no IPv6
// address, ::/0 no IPv4 one (R20).
func inside(c netip.Prefix, a netip.Addr) bool {
	if c.Addr().Is4() != a.Is4() {
		return false
	}
	x, y := c.Addr().AsSlice(), a.AsSlice()
	for i := range c.Bits() {
		if (x[i/8]^y[i/8])>>(7-i%8)&1 != 0 {
			return false
		}
	}
	return true
}
