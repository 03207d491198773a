package cloudformation

import (
	"net/netip"

	"sgfw/policy"
)

// add hands a rule of a group to the draft.
func (s *stack) add(g *group, dir policy.Direction, r policy.Rule) {
	if dir == policy.Ingress {
		s.Rules(g.key, dir, r)
		return
	}
	switch g.out++; g.out {
	case 1:
		g.first = r
		return
	case 2:
		s.Rules(g.key, dir, g.first)
	}
	s.Rules(g.key, dir, r)
}

// addLastRules hands the outbound rules that depend on all others to the draft.
// CloudFormation keeps AWS's of a group until there is another one (D4), be it the group's
// own or a resource.
func (m *importer) addLastRules() {
	for _, g := range m.groups {
		switch {
		case g.out == 0 && g.kept:
			m.Rules(g.key, policy.Egress, policy.DefaultEgress()...)
		case g.out == 1 && g.kept && isNone(&g.first):
			m.Comment(g.at, "Its only outbound rule is to %s, which stands for none.", g.first.Peer.CIDR)
		case g.out == 1:
			m.Rules(g.key, policy.Egress, g.first)
		}
		if g.everything.Line > 0 && g.added.Line > 0 {
			m.Lost(g.everything, "say which is meant: the rule alone, or the others alone",
				"CloudFormation is known to take this rule away again when it makes the outbound rule that "+
					"is a resource, at line %d; it is kept here", g.added.Line)
		}
	}
}

// loopback is where CloudFormation's documentation sends everything, and broadcast where the
// CDK sends an ICMP type that does not exist, where nothing may go out.
var (
	loopback  = netip.MustParsePrefix("127.0.0.1/32")
	broadcast = netip.MustParsePrefix("255.255.255.255/32")
)

// isNone reports a rule that stands for no outbound rule: no packet leaves a device for
// there.
func isNone(r *policy.Rule) bool {
	if r.Peer.Kind != policy.PeerCIDR {
		return false
	}
	return r.Peer.CIDR == loopback && r.Protocol == policy.AllProtocols ||
		r.Peer.CIDR == broadcast && r.Protocol == policy.ICMP && r.From == 252 && r.To == 86
}
