package naive

// unfollowed reports whether AWS leaves a flow untracked that was opened in a
// direction to the port asked: (a) one rule of that direction permits it to
// everybody, and (b) one rule of the other direction permits everybody all ports
// (T2). Each family has its own rules (T3); unions of rules, and lists that hold
// everybody, do not count (T7). What a gateway has AWS track anyway is not here
// (T5).
func (m *Machine) unfollowed(n *Interface, opener Direction, p *Packet, asked int) bool {
	return m.policy.unfollowed(n, opener, p, asked)
}

func (p *Policy) unfollowed(n *Interface, opener Direction, q *Packet, asked int) bool {
	if n.Scope != "" { // who shares flows has them tracked
		return false
	}
	if !p.AsAWS || q.Protocol != TCP && q.Protocol != UDP { // T4, T8
		return false
	}
	opening := false
	for _, g := range p.Groups {
		if !has(n.Groups, g.Name) {
			continue
		}
		for _, r := range g.Rules[opener] {
			if r.everybody(q.isV4()) && (r.Protocol == All || r.Protocol == q.Protocol && r.From <= asked &&
				asked <= r.To) {
				opening = true
			}
		}
	}
	return opening && p.returns(n, opener.reverse(), q)
}

// returns reports whether one rule of a direction permits everybody all ports.
func (p *Policy) returns(n *Interface, d Direction, q *Packet) bool {
	for _, g := range p.Groups {
		if !has(n.Groups, g.Name) {
			continue
		}
		for _, r := range g.Rules[d] {
			if r.everybody(q.isV4()) && (r.Protocol == All || r.Protocol == q.Protocol && r.From == 0 &&
				r.To == 65535) {
				return true
			}
		}
	}
	return false
}

// mayAnswer reports whether a segment from the middle of a connection may be the answer
// of one that was not tracked and is forgotten: a rule for all ports permits it, or
// there once was one that left such a connection untracked, at whatever device.
func (m *Machine) mayAnswer(n *Interface, d Direction, p *Packet) bool {
	if n.Scope != "" || !m.policy.AsAWS {
		return false
	}
	if m.policy.returns(n, d, p) {
		return true
	}
	for _, policy := range m.past {
		for i := range policy.Interfaces {
			if policy.unfollowed(&policy.Interfaces[i], d.reverse(), p, p.SrcPort) {
				return true
			}
		}
	}
	return false
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
	if f == nil && p.isTCP() && !anew && m.mayAnswer(n, d, p) {
		return true // and nothing begins with it
	}

	opener := d
	if remembered && !anew {
		opener = f.opener
	}
	asked := p.DstPort
	if opener != d {
		asked = p.SrcPort
	}
	left := m.unfollowed(n, opener, p, asked)
	if opener == d && !left {
		return false // it needs tracking now (T19)
	}
	switch {
	case remembered && opener == f.opener && !f.leavesToRules(d, p):
		f.goesOn(n, m.Now, d, p)
	case opener == d && p.asksForFlow() && (anew || !remembered) && p.Corrupt:
		m.spoilt = true
	case opener == d && begins(p) && (anew || !remembered):
		m.forget(f)
		begun := begin(n, device, m.Now, d, p)
		begun.untracked = true // which is nothing to its first timer
		m.flows = append(m.flows, begun)
	}
	return true
}
