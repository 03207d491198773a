package filter

import (
	"cmp"
	"slices"

	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// networkACL is a compiled network ACL: it judges each packet, whatever flow it is of (N7).
type networkACL struct {
	// lists by direction and family: the families are apart (N5).
	lists [2][2]aclList
}

// aclList is the numbered rules of one direction and family. Their places in the order, from
// 1 on, are the numbers of the matcher.
type aclList struct {
	matcher *match.Matcher
	// rules are those of the ruleset by place, and allows whether they allow; at place 0 is
	// the rule `*`, which denies what no other one matches (N2).
	rules  []match.RuleNumber
	allows []bool
}

// first returns the rule that decides about a packet with this peer, and whether it allows.
func (l *aclList) first(peer conntrack.Addr, s match.Selector) (match.RuleNumber, bool) {
	place := l.matcher.First(keyOf(peer), s)
	return l.rules[place], l.allows[place]
}

// first returns the rule that decides about packets in direction d, and whether it allows.
func (n *networkACL) first(src, dst conntrack.Addr, d conntrack.Direction,
	s match.Selector) (match.RuleNumber, bool) {
	peer := src
	if d == conntrack.Egress {
		peer = dst
	}
	return n.lists[d][family(peer)].first(peer, s)
}

// denies reports whether the interface's network ACL, which it has, denies a packet, and the
// rule that decides. Failsafes pass it (N11); no rule decides about them.
func (a *Attachment) denies(h Hook, p *packet.Packet, d conntrack.Direction) (rule match.RuleNumber,
	denied bool) {
	rule, allowed := a.acl.first(p.Src, p.Dst, d, selectorOf(p))
	if !allowed && a.failsafeAt(h, p, d) != policy.NoFailsafe {
		return match.NoRule, false
	}
	return rule, !allowed
}

// aclRuleOf returns the rule of the interface's network ACL that decides about each packet of
// a path, by addresses and ports alone, and whether it allows. Without a network ACL
// everything is allowed, by no rule.
func (a *Attachment) aclRuleOf(p Path, d conntrack.Direction) (match.RuleNumber, bool) {
	if a.acl == nil {
		return match.NoRule, true
	}
	return a.acl.first(p.Src, p.Dst, d, match.Selector(p.Proto)<<16|match.Selector(p.DstPort))
}

// aclAllowsAnswers reports whether the interface's network ACL, if it has one, allows what
// comes in the other direction of a packet's flow.
func (a *Attachment) aclAllowsAnswers(p *packet.Packet, d conntrack.Direction) bool {
	_, allowed := a.aclRuleOf(answerTo(p), d.Reverse())
	return allowed
}

// networkACLs compiles those of the policy, by name.
func (c *compilation) networkACLs() map[string]*networkACL {
	out := make(map[string]*networkACL, len(c.policy.NetworkACLs))
	for i := range c.policy.NetworkACLs {
		n := &c.policy.NetworkACLs[i]
		acl := new(networkACL)
		for _, d := range []conntrack.Direction{conntrack.Ingress, conntrack.Egress} {
			for f, of := range []policy.Family{policy.IPv4, policy.IPv6} {
				acl.lists[d][f] = c.aclList(n, d, of)
			}
		}
		out[n.Name] = acl
	}
	return out
}

// aclList compiles the rules of one direction and family.
func (c *compilation) aclList(n *policy.NetworkACL, d conntrack.Direction,
	f policy.Family) (out aclList) {
	rules := slices.Clone(n.Rules(policy.Direction(d)))
	slices.SortFunc(rules, func(a, b policy.ACLRule) int { return cmp.Compare(a.Number, b.Number) })
	last := n.Last(f)
	out.rules = []match.RuleNumber{c.aclID(n.Name, d, &last)}
	out.allows = []bool{false}
	var grants []match.Grant
	for i := range rules {
		r := &rules[i]
		if policy.FamilyOf(r.CIDR) != f {
			continue
		}
		place := match.RuleNumber(len(out.rules))
		out.rules = append(out.rules, c.aclID(n.Name, d, r))
		out.allows = append(out.allows, r.Action == policy.Allow)
		if r.Protocol == policy.ICMP && f == policy.IPv6 || r.Protocol == policy.ICMPv6 &&
			f == policy.IPv4 {
			continue // the ICMP of the other family matches nothing real
		}
		as := r.AsRule()
		lo, hi := selectorRange(&as)
		k, bits := match.PrefixKey(r.CIDR)
		grants = append(grants, match.Grant{Key: k, Bits: bits,
			Span: match.Span{Lo: lo, Hi: hi, Rule: place}})
	}
	out.matcher = match.New(grants)
	return out
}

// aclID returns the number of a rule of a network ACL, a new one if there was none such.
func (c *compilation) aclID(name string, d conntrack.Direction,
	r *policy.ACLRule) match.RuleNumber {
	info := RuleInfo{ACL: name, Number: r.Number, Action: r.Action, Direction: d, Rule: r.AsRule()}
	return c.number(info, match.NoRule)
}
