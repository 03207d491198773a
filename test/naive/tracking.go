package naive

// unfollowed reports whether AWS leaves a flow untracked that was opened in a
// direction to the port asked: (a) one rule of that direction permits it to
// everybody, and (b) one rule of the other direction permits everybody all ports
// (T2). Each family has its own rules (T3); unions of rules, and lists that hold
// everybody, do not count (T7). What a gateway has AWS track anyway is not here
// (T5).
func (m *Machine) unfollowed(n *Interface, opener Direction, p *Packet, asked int) bool {
	if n.Scope != "" { // who shares flows has them tracked
		return false
	}
	if !m.policy.AsAWS || p.Protocol != TCP && p.Protocol != UDP { // T4, T8
		return false
	}
	opening, returning := false, false
	for _, g := range m.policy.Groups {
		if !has(n.Groups, g.Name) {
			continue
		}
		for _, r := range g.Rules[opener] {
			if r.everybody(p.isV4()) && (r.Protocol == All || r.Protocol == p.Protocol && r.From <= asked &&
				asked <= r.To) {
				opening = true
			}
		}
		for _, r := range g.Rules[opener.reverse()] {
			if r.everybody(p.isV4()) && (r.Protocol == All || r.Protocol == p.Protocol && r.From == 0 &&
				r.To == 65535) {
				returning = true
			}
		}
	}
	return opening && returning
}

// everybody reports whether the rule's peer is 0.0.0.0/0, or ::/0 for IPv6.
func (r Rule) everybody(v4 bool) bool {
	return r.CIDR.IsValid() && r.CIDR.Bits() == 0 && r.CIDR.Addr().Is4() == v4
}

// untracked reports whether a packet that rules permit belongs to a flow that is
// not tracked, and remembers who opened it: that decides whether it is a request or
// an answer, and an answer never begins a flow that is tracked. Otherwise the wide
// rule that answers pass by would have a flow tracked that was cut (T15). f is the
// flow that there is, or nil.
func (m *Machine) untracked(n *Interface, device string, f *flow, d Direction, p *Packet) bool {
	if !p.hasFlow() || !p.isTCP() && !p.isUDP() {
		return false
	}
	if f != nil && !f.untracked && !(f.over() && begins(p)) {
		return false // tracked as long as it lives (T1)
	}
	anew := p.isTCP() && p.Flags.has(SYN) && !p.Flags.has(ACK)
	remembered := f != nil && f.untracked

	opener := d
	if remembered && !anew {
		opener = f.opener
	}
	asked := p.DstPort
	if opener != d {
		asked = p.SrcPort
	}
	left := m.unfollowed(n, opener, p, asked)
	if !left && f == nil && !anew && m.unfollowed(n, d.reverse(), p, p.SrcPort) {
		return true // an answer whose request is forgotten: nothing to remember
	}
	if opener == d && !left {
		return false // it needs tracking now (T19)
	}
	switch {
	case remembered && opener == f.opener && !f.leavesToRules(d, p):
		f.goesOn(n, m.Now, d, p)
	case opener == d && begins(p) && (anew || !remembered):
		m.forget(f)
		begun := begin(n, device, m.Now, d, p)
		begun.untracked = true // which is nothing to its first timer
		m.flows = append(m.flows, begun)
	}
	return true
}
