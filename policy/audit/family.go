package audit

import (
	"fmt"

	"sgfw/policy"
	"sgfw/policy/space"
)

// families looks for groups that open something to everybody in one family and nothing at
// all in the other.
func (a *auditor) families(g *examined) {
	in := &g.alone.sides[policy.Ingress]
	for i, f := range families {
		other := families[1-i]
		if len(in.world[i]) == 0 || g.somewhere(other) {
			continue
		}
		finding := g.alone.about(policy.Ingress)
		finding.Message = fmt.Sprintf("group %s has rules for %s only: everything that comes by %s is "+
			"dropped", g.Name, f, other)
		a.add(finding, familyGap)
	}
}

// somewhere reports whether the group, or all that are with it on some interface, let
// anything in by a family.
func (g *examined) somewhere(f policy.Family) bool {
	any := func(u *unit) bool {
		return !u.sides[policy.Ingress].set.Anyone(space.Span{Hi: space.Last}).Only(f).Empty()
	}
	if any(g.alone) {
		return true
	}
	for _, at := range g.on {
		if !any(at.union) {
			return false
		}
	}
	return len(g.on) > 0
}

// tracking looks for rules whose flows are not tracked (T2): the rule and one of the other
// direction are for all addresses of a family, the other one for all ports.
func (a *auditor) tracking(g *examined) {
	if a.p.Settings.Tracking != policy.TrackingAWS {
		return
	}
	back := func(f policy.Family) bool {
		return g.everywhere(policy.Egress, func(s *side) bool {
			for _, e := range s.rules {
				if e.anybody(f) && (e.Protocol == policy.AllProtocols ||
					e.Protocol.HasPorts() && e.From == 0 && e.To == policy.MaxPort) {
					return true
				}
			}
			return false
		})
	}
	returns := map[policy.Family]bool{policy.IPv4: back(policy.IPv4), policy.IPv6: back(policy.IPv6)}
	var choices [][]entry
	for _, e := range g.alone.sides[policy.Ingress].rules {
		for _, f := range families {
			if returns[f] && e.anybody(f) && (e.Protocol.HasPorts() ||
				e.Protocol == policy.AllProtocols) {
				choices = append(choices, []entry{e})
			}
		}
	}
	for _, es := range blocks(choices) {
		f := g.alone.about(policy.Ingress, es...)
		f.Message = "flows are not tracked: removing the rule ends them at once"
		a.add(f, untrackedExposure)
	}
}

// anybody reports whether the peer is written as all addresses of a family.
func (e entry) anybody(f policy.Family) bool {
	return e.Peer.Kind == policy.PeerCIDR && (f == policy.IPv4 && e.Peer.CIDR == policy.AnyIPv4 ||
		f == policy.IPv6 && e.Peer.CIDR == policy.AnyIPv6)
}
