package audit

import (
	"fmt"

	"sgfw/policy"
	"sgfw/policy/space"
)

// icmpSpan is a type with all its codes, or one of them.
func icmpSpan(p policy.Protocol, typ, code int) space.Span {
	return space.RuleSpan(&policy.Rule{Protocol: p, From: typ, To: code})
}

// echoes are requests, by family.
var echoes = []space.Span{icmpSpan(policy.ICMP, 8, 0), icmpSpan(policy.ICMPv6, 128, 0)}

// tooBig are the errors that say how long a packet may be, by family.
var tooBig = []space.Span{icmpSpan(policy.ICMP, 3, 4), icmpSpan(policy.ICMPv6, 2, 0)}

// icmp looks for pings from everybody, and for rules that match nothing.
func (a *auditor) icmp(g *examined) {
	in := &g.alone.sides[policy.Ingress]
	var choices [][]entry
	for i, f := range families {
		if in.world[i].overlap(echoes[i]) {
			choices = append(choices, in.opens(echoes[i], f)...)
		}
	}
	for _, es := range blocks(choices) {
		if es[0].Protocol == policy.AllProtocols {
			continue // that everything is open is told by itself
		}
		f := g.alone.about(policy.Ingress, es...)
		what := "echo requests"
		if es[0].From == -1 {
			what = fmt.Sprintf("all types of %s", es[0].Protocol)
		}
		f.Message = fmt.Sprintf("%s are open to everybody%s", what, by(g.alone, es))
		a.add(f, pingOpen)
	}
	for d := range g.alone.sides {
		s := &g.alone.sides[d]
		for _, e := range s.rules {
			if !e.Protocol.IsICMP() {
				continue
			}
			f := g.alone.about(s.direction, e)
			if w := policy.DeadICMP(e.Rule); w != nil {
				f.Message = w.Message
			} else if e.Peer.Kind == policy.PeerCIDR && e.peers.Empty() {
				f.Message = fmt.Sprintf("%s is never spoken with %s, an %s address: the rule matches "+
					"nothing", e.Protocol, e.Peer, policy.FamilyOf(e.Peer.CIDR))
			} else {
				continue
			}
			a.add(f, deadICMP)
		}
	}
}

// pathMTU looks whether the errors that connections need are dropped, where rules alone
// decide about them.
func (a *auditor) pathMTU(at *attachment) {
	if a.p.Settings.ICMPErrors != policy.ICMPErrorsRules {
		return
	}
	in := &at.union.sides[policy.Ingress]
	var missing []string
	for i, name := range []string{"icmp type 3 code 4", "icmpv6 type 2"} {
		if !in.world[i].overlap(tooBig[i]) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return
	}
	f := Finding{Severity: unset, Device: at.first.Device, Pos: at.first.Pos}
	for _, g := range at.groups {
		if !g.included {
			return
		}
		f.anchors = append(f.anchors, g.Pos)
	}
	f.Message = fmt.Sprintf("%s drops %s, also about live flows", at.first.Device,
		abridged(missing, " and "))
	a.add(f, pmtudBlocked)
}
