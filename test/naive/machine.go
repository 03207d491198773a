package naive

import (
	"net/netip"
	"time"
)

// Hook is where on its way through the machine a packet is judged. The values are
// netfilter's.
type Hook int

const (
	Input   Hook = 1
	Forward Hook = 2
	Output  Hook = 3
)

// Reason is why a packet passed or not, in the engine's words.
type Reason string

const (
	// OfFlow and those below pass.
	OfFlow    Reason = "flow"
	OfRule    Reason = "rule"
	Untracked Reason = "untracked"
	Related   Reason = "related"
	Failsafe  Reason = "failsafe"
	Resolvers Reason = "exempt-resolvers"
	Metadata  Reason = "exempt-metadata"
	Time      Reason = "exempt-time"
	// The rest drop.
	NoRule    Reason = "no-rule"
	Denied    Reason = "network-acl"
	NotAFlow  Reason = "not-a-flow"
	Misplaced Reason = "source-dest-check"
	Unmanaged Reason = "unmanaged"
	Revoked   Reason = "revoked"
	// Checksum: a flow would begin with the packet, and its checksum is wrong (T27).
	Checksum Reason = "checksum"
	// Malformed are packets that nobody can read: unknown is drop.
	Malformed Reason = "malformed"
)

// Passes reports whether packets with this reason go on.
func (r Reason) Passes() bool {
	return has([]Reason{OfFlow, OfRule, Untracked, Related, Failsafe, Resolvers, Metadata, Time}, r)
}

// Verdict is what was decided about a packet.
type Verdict struct {
	Reason Reason
	// By are the rules that permit the packet, for OfRule and Untracked.
	By []Match
}

// Machine is a machine with a policy in force.
type Machine struct {
	// Now is the time, which only its user moves.
	Now time.Duration

	devices   []Device
	resolvers []netip.Addr
	policy    *Policy
	past      []*Policy // all that were in force, this one included
	// spoilt: the packet that rules permit would have begun a flow but for its checksum.
	spoilt    bool
	flows     []*flow
	questions []question
}

// NewMachine returns a machine with these devices, which asks these name servers,
// and a policy that has no device.
func NewMachine(devices []Device, resolvers ...netip.Addr) *Machine {
	return &Machine{devices: devices, resolvers: resolvers, policy: new(Policy)}
}

// Apply puts another policy in force. Live flows stay (T15, T17); where a timer
// became shorter they live no longer than it from now on (T20).
func (m *Machine) Apply(p *Policy) {
	m.policy = p
	m.past = append(m.past, p)
	for _, f := range m.flows {
		longest := time.Duration(-1) // of the devices that may see its next packet
		for _, d := range m.devices {
			if n := p.Manages(d.Name); n != nil && n.place(d.Name) == f.place {
				longest = max(longest, f.timer(n))
			}
		}
		if longest >= 0 && !f.revoked {
			f.until = min(f.until, m.Now+longest)
		}
	}
}

// Decide judges one packet: at the device through which it comes in, and then at
// the one through which it goes out (D7). It passes only if both agree; what the
// first remembers of it stays when the second refuses.
func (m *Machine) Decide(h Hook, in, out string, p *Packet) Verdict {
	if p.Missing > 0 {
		return Verdict{Reason: Malformed}
	}
	verdict := Verdict{Reason: Unmanaged}
	if h != Output {
		if n := m.policy.Manages(in); n != nil {
			// Through the device into this machine, or out of the guest behind it.
			d := In
			if n.Guest {
				d = Out
			}
			if verdict = m.cross(n, in, h, d, p); !verdict.Reason.Passes() {
				return verdict
			}
		}
	}
	if h != Input {
		if n := m.policy.Manages(out); n != nil {
			d := Out
			if n.Guest {
				d = In
			}
			return m.cross(n, out, h, d, p)
		}
	}
	return verdict
}

// Revoke cuts the tracked flows of a device, those of its scope included (T17: AWS
// has nothing for it). What goes on with one of them does not pass for as long as the
// flow would have lived; what begins anew is for the rules.
func (m *Machine) Revoke(device string) {
	n := m.policy.Manages(device)
	for _, f := range m.flows {
		if n != nil && f.place == n.place(device) && !f.untracked && m.Now <= f.until {
			f.revoked = true
		}
	}
}

// cross judges a packet at one device: between its network ACL for what comes in and the one
// for what goes out are its groups (N7).
func (m *Machine) cross(n *Interface, device string, h Hook, d Direction, p *Packet) Verdict {
	if !m.addressed(n, device, h, d, p) {
		return Verdict{Reason: Misplaced}
	}
	if r := m.exempt(n, device, h, d, p); r != "" {
		return Verdict{Reason: r}
	}
	denied := m.denied(n, d, p) && !m.failsafe(d, h, p)
	if d == In && denied {
		return Verdict{Reason: Denied}
	}
	if d == In || !denied {
		return m.ask(n, device, h, d, p)
	}
	// Whatever the groups say, nothing goes on by it.
	if v := m.wouldSay(n, device, h, d, p); !v.Reason.Passes() {
		return v
	}
	return Verdict{Reason: Denied}
}

// ask judges a packet by the groups of a device.
func (m *Machine) ask(n *Interface, device string, h Hook, d Direction, p *Packet) Verdict {
	if m.tellsOf(n, device, d, p) {
		return Verdict{Reason: Related}
	}
	f := m.find(n, device, d, p)
	asks := true
	if f != nil && !f.untracked { // those live by rules alone (T6)
		asks = f.leavesToRules(d, p)
	}
	if f != nil && f.revoked && !f.beginsAnew(d, p) {
		if m.failsafe(d, h, p) {
			return Verdict{Reason: Failsafe}
		}
		return Verdict{Reason: Revoked}
	}
	if !asks {
		f.goesOn(n, m.Now, d, p)
		return Verdict{Reason: OfFlow}
	}
	by := m.permitting(n, d, p)
	m.spoilt = false
	switch {
	case len(by) > 0:
		reason := Untracked
		if !m.untracked(n, device, f, d, p) {
			reason = OfRule
			m.permitted(n, device, f, d, p)
		}
		if m.spoilt {
			return Verdict{Reason: Checksum}
		}
		return Verdict{reason, by}
	case m.failsafe(d, h, p):
		return Verdict{Reason: Failsafe}
	case m.tellsOfLost(n, device, h, d, p):
		return Verdict{Reason: Related}
	case p.late():
		return Verdict{Reason: NotAFlow}
	}
	return Verdict{Reason: NoRule}
}

// tellsOf reports whether the packet is an ICMP error about a live flow (T24): the
// packet that it quotes crossed the device the other way, and was sent by whom the
// error is for. An untracked flow counts as long as AWS would leave it so (the
// project's decision).
func (m *Machine) tellsOf(n *Interface, device string, d Direction, p *Packet) bool {
	if m.policy.RulesForErrors || !p.isError() || p.Part != Whole || p.Quote == nil {
		return false
	}
	if p.Quote.Src != p.Dst {
		return false
	}
	f := m.find(n, device, d.reverse(), p.Quote)
	if f == nil || !f.untracked {
		return f != nil && !f.revoked
	}
	return m.unfollowed(n, f.opener, p.Quote, f.dst.port)
}

// tellsOfLost reports whether the packet is an ICMP error by which this machine tells the
// sender of what it could not route: packets that came in through the device, which rules
// would have permitted, and that no flow is of (T24).
func (m *Machine) tellsOfLost(n *Interface, device string, h Hook, d Direction, p *Packet) bool {
	if h != Output || m.policy.RulesForErrors || !p.isError() || p.Part != Whole || p.Quote == nil {
		return false
	}
	q := p.Quote
	if q.Src != p.Dst || !q.hasFlow() {
		return false
	}
	f := m.find(n, device, d.reverse(), q)
	return (f == nil || f.untracked) && len(m.permitting(n, d.reverse(), q)) > 0
}

// permitted does what follows once rules let a packet through: it begins a flow,
// in place of one that is over, or is remembered by the one that is there.
func (m *Machine) permitted(n *Interface, device string, f *flow, d Direction, p *Packet) {
	switch {
	case f != nil && !f.untracked && !f.over():
		f.passedByRules(d, p)
	case p.asksForFlow() && p.Corrupt:
		m.spoilt = true
	case begins(p):
		m.forget(f)
		m.flows = append(m.flows, begin(n, device, m.Now, d, p))
	}
}

func (m *Machine) forget(gone *flow) {
	for i, f := range m.flows {
		if f == gone {
			m.flows = append(m.flows[:i], m.flows[i+1:]...)
			return
		}
	}
}
