package chains

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/space"
)

// packet is one packet of a state, as the twin sees it.
type packet struct {
	dir      policy.Direction
	device   string
	state    State
	protocol policy.Protocol
	low      int // port, or type<<8|code
	peer     netip.Addr
}

func (p packet) selector() space.Selector {
	return space.Selector(p.protocol)<<16 | space.Selector(p.low)
}

// answer is what may become of a packet, whatever uncertain rules do with it.
type answer struct{ accepted, dropped, returned bool }

func (a answer) or(b answer) answer {
	return answer{a.accepted || b.accepted, a.dropped || b.dropped, a.returned || b.returned}
}

// twin walks one packet through the chains of a firewall, rule by rule.
type twin struct {
	t *testing.T
	f *Firewall
	p packet
}

// verdict is what may become of the packet in the end.
func (w twin) verdict() answer {
	c := w.f.In
	if w.p.dir == policy.Egress {
		c = w.f.Out
	}
	if c == nil {
		return answer{accepted: true}
	}
	a := w.chain(c, 0, 0)
	if a.returned {
		a.returned = false
		if c.Policy == Accept {
			a.accepted = true
		} else {
			a.dropped = true
		}
	}
	return a
}

// chain asks the rules of a chain from one on.
func (w twin) chain(c *Chain, from, depth int) answer {
	if depth > 200 {
		w.t.Fatal("the twin goes in circles")
	}
	for i := from; i < len(c.Rules); i++ {
		r := &c.Rules[i]
		if !w.matches(r) || r.Verdict == Continue {
			continue
		}
		var a answer
		switch r.Verdict {
		case Accept:
			a.accepted = true
		case Drop:
			a.dropped = true
		case Return:
			a.returned = true
		case Jump, Goto:
			a = w.chain(w.f.Chains[w.p.dir][r.To], 0, depth+1)
			if a.returned && r.Verdict == Jump {
				a.returned = false
				a = a.or(w.chain(c, i+1, depth+1))
			}
		}
		if r.Match.Unsaid != nil { // it may be passed over, too
			a = a.or(w.chain(c, i+1, depth+1))
		}
		return a
	}
	return answer{returned: true}
}

func (w twin) matches(r *Rule) bool {
	m := &r.Match
	if m.Never || m.States != 0 && m.States&w.p.state == 0 {
		return false
	}
	for _, d := range m.Devices {
		if named(d.Name, w.p.device) == d.Not {
			return false
		}
	}
	if m.Peers != nil && !m.Peers.Contains(w.p.peer) {
		return false
	}
	in := func(s space.Span) bool { return s.Lo <= w.p.selector() && w.p.selector() <= s.Hi }
	return m.Spans == nil || slices.ContainsFunc(m.Spans, in)
}

// named reports whether a name or a pattern is that of a device.
func named(pattern, device string) bool {
	stem, glob := strings.CutSuffix(pattern, "*")
	return pattern == device || glob && strings.HasPrefix(device, stem)
}

// imported is the policy of firewalls, and the groups of devices.
type imported struct {
	convert.Result
	attach []convert.Attachment
	errors policy.ICMPErrors
}

func translated(firewalls []Firewall, lists Lists) imported {
	d := convert.NewDraft(convert.Options{})
	attach, errors := Import(d, "all", firewalls, lists)
	return imported{d.Finish(), attach, errors}
}

// groups are those of a device.
func (r imported) groups(device string) []string {
	best, out := -1, []string{"all"}
	for _, a := range r.attach {
		length := len(a.Device)
		if a.Device == device {
			length = 1 << 10
		}
		if named(a.Device, device) && length > best {
			best, out = length, a.Groups
		}
	}
	return out
}

// permits reports whether the policy lets a packet begin a connection.
func (r imported) permits(p packet) bool {
	for _, name := range r.groups(p.device) {
		for _, g := range r.Policy.Groups {
			if g.Name != name {
				continue
			}
			rules := g.Ingress
			if p.dir == policy.Egress {
				rules = g.Egress
			}
			if slices.ContainsFunc(rules, func(rule policy.Rule) bool { return r.allows(rule, p) }) {
				return true
			}
		}
	}
	return false
}

func (r imported) allows(rule policy.Rule, p packet) bool {
	span := space.RuleSpan(&rule)
	if p.selector() < span.Lo || p.selector() > span.Hi {
		return false
	}
	if rule.Peer.Kind == policy.PeerCIDR {
		return rule.Peer.CIDR.Contains(p.peer)
	}
	for _, l := range r.Policy.PrefixLists {
		for _, e := range l.Entries {
			if l.Name == rule.Peer.Name && e.CIDR.Contains(p.peer) {
				return true
			}
		}
	}
	return false
}
