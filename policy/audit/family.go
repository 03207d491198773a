package audit

import (
	"fmt"
	"net/netip"
	"slices"

	"sgfw/policy"
)

// families looks for groups that open something to everybody in one family and nothing at
// all in the other, though who has them has an address of it, as far as that is known.
func (a *auditor) families(g *examined) {
	in := &g.alone.sides[policy.Ingress]
	for i, f := range families {
		other := families[1-i]
		if len(in.world[i]) == 0 || g.somewhere(1-i) {
			continue
		}
		has, known := a.address(g, other)
		if known && !has.IsValid() {
			continue
		}
		finding := g.alone.about(policy.Ingress)
		finding.Message = fmt.Sprintf("group %s has rules for %s only: everything that comes by %s is "+
			"dropped", g.Name, f, other)
		if has.IsValid() {
			finding.Message += ", such as for " + policy.OwnText(has)
		}
		a.add(finding, familyGap)
	}
}

// address is one of a family that a member of a group has, invalid if none has any; and
// whether the addresses of all members are known.
func (a *auditor) address(g *examined, f policy.Family) (one netip.Prefix, known bool) {
	for _, p := range a.o.Members.Addresses(g.Name) {
		if policy.FamilyOf(p) == f {
			return p, true
		}
	}
	some := g.remote
	for i := range a.p.Interfaces {
		n := &a.p.Interfaces[i]
		if !slices.Contains(n.Groups, g.Name) {
			continue
		}
		// A device of this machine has its addresses now; one that is not there may get some.
		if some = true; !n.Listed() && (!a.o.Live || n.Mode == policy.ModeGuest) {
			return one, false
		}
	}
	return one, some && len(a.o.Members.Addresses(g.Name)) > 0
}

// somewhere reports whether the group, or what is with it on each of its interfaces, lets
// anything in by a family.
func (g *examined) somewhere(family int) bool {
	some := func(s *side) bool { return s.some[family] }
	return some(&g.alone.sides[policy.Ingress]) || g.everywhere(policy.Ingress, some)
}

// tracking looks for rules whose flows are not tracked (T2): the rule and one of the other
// direction are for all addresses of a family, the other one for all ports.
func (a *auditor) tracking(g *examined) {
	if a.p.Settings.Tracking != policy.TrackingAWS {
		return
	}
	var choices [][]entry
	for _, e := range g.alone.sides[policy.Ingress].rules {
		for i, f := range families {
			back := func(s *side) bool { return s.returns[i] }
			if g.everywhere(policy.Egress, back) && e.anybody(f) && (e.Protocol.HasPorts() ||
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

// returns reports whether a rule is for all addresses of a family and all ports.
func (e entry) returns(f policy.Family) bool {
	return e.anybody(f) && (e.Protocol == policy.AllProtocols ||
		e.Protocol.HasPorts() && e.From == 0 && e.To == policy.MaxPort)
}
