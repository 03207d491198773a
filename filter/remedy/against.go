package remedy

import (
	"net/netip"
	"slices"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
)

// firstEphemeral is the first port that clients of all systems choose from: those below are
// for services (RFC 6335).
const firstEphemeral = 1024

// against is a change against one thing that stops a packet. It is false for what no policy
// changes, such as a flow that was revoked.
func (c *Case) against(rs *filter.Ruleset, b *filter.Block, rule func() Change) (Change, bool) {
	switch {
	case b.Code == filter.CodeSubnetACL:
		return c.addACLRule(rs, b)
	case b.Code == filter.CodeSourceDestCheck:
		return c.addOwn(rs), true
	case forGroups(b) && rule != nil:
		change := rule()
		if change.Group == "" {
			return change, false
		}
		if b.Return {
			change.Direction, change.Rule = policy.Direction(b.Direction), c.rule(true)
		}
		return change, true
	}
	return Change{}, false
}

// addRule is the rule for the packet, added to a group.
func (c *Case) addRule(group string) Change {
	return Change{What: AddRule, Group: group, Direction: policy.Direction(c.Query.Direction),
		Rule: c.rule(false)}
}

// peer is the other end of the packet.
func (c *Case) peer() netip.Prefix {
	a := c.Query.Src
	if c.Query.Direction == conntrack.Egress {
		a = c.Query.Dst
	}
	return netip.PrefixFrom(a, a.BitLen())
}

// rule is the smallest rule that is about the packet, or about the answer to it. The port of
// a client is another one each time.
func (c *Case) rule(answer bool) policy.Rule {
	q := c.Query
	r := policy.Rule{Protocol: policy.Protocol(q.Protocol), From: -1, To: -1,
		Peer: policy.Peer{Kind: policy.PeerCIDR, CIDR: c.peer()}}
	switch {
	case r.Protocol.HasPorts() && answer:
		r.From, r.To = int(q.SrcPort), int(q.SrcPort)
		if q.SrcPort >= firstEphemeral {
			r.From, r.To = firstEphemeral, policy.MaxPort
		}
	case r.Protocol.HasPorts():
		r.From, r.To = int(q.DstPort), int(q.DstPort)
	case r.Protocol.IsICMP():
		r.From, r.To = int(q.ICMPType), int(q.ICMPCode)
		if answer {
			r.From = int(q.AnswerType())
		}
	}
	return r
}

// addACLRule allows what a rule of a network ACL denies, in front of that rule. It is false
// where there is no number left.
func (c *Case) addACLRule(rs *filter.Ruleset, b *filter.Block) (Change, bool) {
	d := policy.Direction(b.Direction)
	r := c.rule(b.Return)
	change := Change{What: AddACLRule, ACL: b.Rule.ACL, Direction: d, ACLRule: policy.ACLRule{
		Action: policy.Allow, Protocol: r.Protocol, From: r.From, To: r.To, CIDR: r.Peer.CIDR}}
	number := numberBefore(rs.Policy().NetworkACL(b.Rule.ACL).Rules(d), b.Rule.Number)
	change.ACLRule.Number = number
	return change, number > 0
}

// crowded is the first rule of a network ACL among what stops a packet in front of which no
// number is free, nil for none.
func crowded(p *policy.Policy, blocks []filter.Block) *filter.RuleInfo {
	for i := range blocks {
		b := &blocks[i]
		if b.Code != filter.CodeSubnetACL {
			continue
		}
		rules := p.NetworkACL(b.Rule.ACL).Rules(policy.Direction(b.Direction))
		if numberBefore(rules, b.Rule.Number) == 0 {
			return b.Rule
		}
	}
	return nil
}

// numberBefore is a free number in front of a rule's, in the middle of the nearest gap; behind
// all others for the rule `*`. It is 0 where all are taken.
func numberBefore(rules []policy.ACLRule, number int) int {
	var taken []int
	for i := range rules {
		if rules[i].Number < number {
			taken = append(taken, rules[i].Number)
		}
	}
	slices.Sort(taken)
	const step = 100
	if number > policy.MaxACLNumber {
		last := 0
		if len(taken) > 0 {
			last = taken[len(taken)-1]
		}
		if next := (last/step + 1) * step; next <= policy.MaxACLNumber {
			return next
		}
		number = policy.MaxACLNumber + 1
	}
	for i := len(taken); i >= 0; i-- {
		before := policy.MinACLNumber - 1
		if i > 0 {
			before = taken[i-1]
		}
		if number-before > 1 {
			return before + (number-before)/2
		}
		number = before
	}
	return 0
}

// addOwn makes the packet's address one of the interface's.
func (c *Case) addOwn(rs *filter.Ruleset) Change {
	n := rs.Device(c.Query.Device).Interface()
	a := c.Query.Dst
	if c.Query.Direction == conntrack.Egress {
		a = c.Query.Src
	}
	return Change{What: Own, Interface: n.Device,
		Own: append(n.Own(), netip.PrefixFrom(a, a.BitLen()))}
}
