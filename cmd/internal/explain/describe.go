package explain

import (
	"cmp"
	"fmt"
	"strconv"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
)

// Run answers a question under a ruleset; q and full are what [Parse] made of it.
// flows may be nil: then no flow is live.
func Run(rs *filter.Ruleset, flows *conntrack.Table, now conntrack.Time, q filter.Query,
	full api.Query) api.Explanation {
	x := ask(rs, flows, now, &q)
	full.Segment = segmentName(q.Flags)
	doc := api.Explanation{
		Schema:     api.Schema,
		Query:      full,
		FlowsKnown: flows != nil,
		Groups:     []api.GroupTried{},
	}
	if !x.Managed {
		doc.Verdict, doc.Reason = api.VerdictAccept, api.ReasonNotManaged
		doc.Detail = fmt.Sprintf("no interface of the policy names %s: its packets pass unseen", q.Device)
		return doc
	}
	ids := rs.Policy().IDs
	doc.InterfaceID = ids.Interface(q.Device)
	doc.View, doc.Sees = sees(&x, &full)
	doc.Verdict, doc.Reason = Word(x.Verdict), x.Verdict.Reason.String()
	doc.Exemption = cmp.Or(x.Verdict.Reason.Exemption().String(), x.Failsafe.String())
	if x.Flow != nil {
		f := Flow(q.Device, *x.Flow, now)
		f.InterfaceID = doc.InterfaceID
		f.Scope = rs.SharedOf(x.Flow.Tuple.Scope())
		doc.Flow = &f
	}
	doc.Tracking = tracking(rs, x.Tracking, x.Flow)
	if doc.Flow != nil && doc.Tracking != nil {
		doc.Flow.Clause = doc.Tracking.Clause
	}
	for _, g := range x.Groups {
		doc.Groups = append(doc.Groups,
			api.GroupTried{Name: g.Name, ID: ids.Group(g.Name), Rules: g.Rules, Permits: g.Permits})
	}
	if x.Rule != nil {
		doc.Rule = Rule(ids, *x.Rule)
	}
	if x.ACLRule != nil && x.Verdict.Reason != filter.ReasonNetworkACL {
		doc.ACLRule = Rule(ids, *x.ACLRule)
	}
	for _, m := range x.Misses {
		doc.Misses = append(doc.Misses, miss(ids, m))
	}
	doc.Code = string(x.Code)
	doc.Blocks = blocks(rs, &x)
	doc.Detail = detail(x)
	if x.Unasked != policy.NoExemption {
		doc.Detail += fmt.Sprintf("; it comes from an exempt service (%s), but answers no question "+
			"that was asked", x.Unasked)
	}
	doc.Reply = &api.Reply{
		Direction:   x.Direction.Reverse().String(),
		Verdict:     Word(x.Reply),
		Reason:      x.Reply.Reason.String(),
		Alone:       Word(x.ReplyAlone),
		AloneReason: x.ReplyAlone.Reason.String(),
	}
	if info, ok := rs.Rule(x.Reply.Rule); ok {
		doc.Reply.Rule = Rule(ids, info)
	}
	if info, ok := rs.Rule(x.ReplyAlone.Rule); ok {
		doc.Reply.AloneRule = Rule(ids, info)
	}
	return doc
}

// sees says which view judges a packet, and what that means for one whose addresses this
// machine rewrites: coming in its destination may become another one (DNAT), going out its
// source (SNAT).
func sees(x *filter.Explanation, full *api.Query) (view, detail string) {
	view, before, after := policy.ViewLocal.String(), "before", "after"
	if x.Wire {
		view, before, after = policy.ViewWire.String(), after, before
	}
	if x.Inward {
		return view, fmt.Sprintf("%s any redirect (DNAT), to %s", after, EndpointText(full.To))
	}
	return view, fmt.Sprintf("%s any masquerading (SNAT), from %s", before,
		EndpointText(full.From))
}

// ask puts the question. A TCP question that names no segment is about the
// live connection with these addresses and ports if there is one: its own
// packets are no SYNs.
func ask(rs *filter.Ruleset, flows *conntrack.Table, now conntrack.Time,
	q *filter.Query) filter.Explanation {
	if q.Protocol != conntrack.ProtoTCP || q.Flags != 0 {
		return filter.Explain(rs, flows, now, *q)
	}
	q.Flags = conntrack.ACK
	if x := filter.Explain(rs, flows, now, *q); x.Flow != nil {
		return x
	}
	q.Flags = conntrack.SYN
	return filter.Explain(rs, flows, now, *q)
}

// Word is the verdict as documents spell it.
func Word(v filter.Verdict) string {
	if v.Accept() {
		return api.VerdictAccept
	}
	return api.VerdictDrop
}

// detail says the reason in a sentence.
func detail(x filter.Explanation) string {
	switch x.Verdict.Reason {
	case filter.ReasonRule:
		return fmt.Sprintf("a rule of group %s permits it", x.Rule.Group)
	case filter.ReasonFlow:
		return "it belongs to a live flow, which passes whatever the rules say now"
	case filter.ReasonUntracked:
		return "a rule permits it; its flow is not tracked, so each packet needs one"
	case filter.ReasonRelated:
		if x.Flow == nil {
			return fmt.Sprintf("it is an ICMP error of this machine's own, and a rule of group %s permits "+
				"what it is about", x.Rule.Group)
		}
		return "it is an ICMP error about a live flow"
	case filter.ReasonFailsafe:
		return fmt.Sprintf("it is a failsafe of the machine (%s), which passes whatever the rules say",
			x.Failsafe)
	case filter.ReasonBridged:
		return "it stays on a bridge, and so crosses no device"
	case filter.ReasonExemptResolvers, filter.ReasonExemptMetadata, filter.ReasonExemptTime:
		what := "a question to a service that the policy exempts"
		if x.Direction == conntrack.Ingress {
			what = "an answer of a service that the policy exempts"
		}
		return fmt.Sprintf("exempt: %s: it is %s, which passes whatever the rules say",
			x.Verdict.Reason.Exemption(), what)
	case filter.ReasonNoRule:
		if x.Code == filter.CodeNoRules {
			return fmt.Sprintf("no attached group has any %s rule", x.Direction)
		}
		return fmt.Sprintf("no %s rule of any attached group permits it", x.Direction)
	case filter.ReasonNetworkACL:
		return denies(x.Rule, "it")
	case filter.ReasonNotAFlow:
		if x.Flow != nil && x.Flow.Untracked {
			return "its flow is not tracked, so each packet needs a rule, and none permits it"
		}
		return "it belongs to no live flow, and no rule permits it"
	case filter.ReasonRevoked:
		return "it would go on with a flow that was revoked; a new connection is for the rules"
	case filter.ReasonSourceDestCheck:
		if x.Direction == conntrack.Egress {
			return "its source is no address of the interface, which checks that (source_dest_check)"
		}
		return "its destination is no address of the interface, which checks that (source_dest_check)"
	case filter.ReasonNoRoom:
		return "a rule permits it, and it passes untracked, because the flow table has no room"
	case filter.ReasonTableFull:
		return "a rule permits it, but the flow table has no room"
	case filter.ReasonChecksum:
		return "a rule permits it, but its checksum is wrong, and it would begin a flow"
	}
	return x.Verdict.Reason.String()
}

// Rule turns a rule into its reference.
func Rule(ids policy.IDs, info filter.RuleInfo) *api.RuleRef {
	r := info.Rule
	if info.ACL != "" {
		return &api.RuleRef{
			NetworkACL: info.ACL, NetworkACLID: ids.NetworkACL(info.ACL), Number: info.Number,
			Action: info.Action.String(), Direction: info.Direction.String(), Index: r.Index,
			Protocol: protocol(r.Protocol), Ports: ports(r), Peer: r.Peer.String(), File: r.Pos.File,
			Line: r.Pos.Line, Gone: info.Gone,
		}
	}
	return &api.RuleRef{
		ID:          ruleID(ids, &info),
		Group:       info.Group,
		GroupID:     ids.Group(info.Group),
		Direction:   info.Direction.String(),
		Index:       r.Index,
		Description: r.Description,
		Tags:        r.Tags,
		Protocol:    protocol(r.Protocol),
		Ports:       ports(r),
		Peer:        r.Peer.String(),
		PeerID:      ids.Peer(r.Peer),
		File:        r.Pos.File,
		Line:        r.Pos.Line,
		Gone:        info.Gone,
	}
}

func protocol(p policy.Protocol) string {
	if p == policy.AllProtocols {
		return "all"
	}
	return p.String()
}

// ports is the range of destination ports, or type and code.
func ports(r policy.Rule) string {
	switch {
	case r.Protocol.IsICMP() && r.From >= 0 && r.To >= 0:
		return fmt.Sprintf("type %d code %d", r.From, r.To)
	case r.Protocol.IsICMP() && r.From >= 0:
		return fmt.Sprintf("type %d", r.From)
	case !r.Protocol.HasPorts() || r.From < 0:
		return ""
	case r.From == r.To:
		return strconv.Itoa(r.From)
	}
	return fmt.Sprintf("%d-%d", r.From, r.To)
}
