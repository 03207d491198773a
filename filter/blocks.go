package filter

import (
	"slices"

	"sgfw/conntrack"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// Block is one thing that stops a packet, or the answer to it.
type Block struct {
	// Code is empty for what AWS has no word for, such as a flow that was revoked.
	Code   Code
	Reason Reason
	// Direction is that of the packet that is stopped: of the answer if Return.
	Direction conntrack.Direction
	Return    bool
	// Rule is the rule of the network ACL that denies, nil for other blocks.
	Rule *RuleInfo
}

// codeOf is the code of what stops a packet, empty for one that passes. mismatch is that of
// groups which permit it by no rule.
func codeOf(v Verdict, mismatch Code) Code {
	switch {
	case v.Accept():
		return ""
	case v.Reason == ReasonNetworkACL:
		return CodeSubnetACL
	case v.Reason == ReasonSourceDestCheck:
		return CodeSourceDestCheck
	}
	return mismatch
}

// asked is what Judge says about a packet and about the answer to it.
type asked struct {
	packet packet.Packet
	there  Decision
	// flow is the live one of the packet, or nil. tracked is true if there will be one.
	flow    *conntrack.FlowInfo
	tracked bool
	answer  struct {
		packet    packet.Packet
		direction conntrack.Direction
	}
	// back is the verdict on the answer once the packet has passed, or not.
	back Verdict
}

// answered reports whether anything comes back once the packet got there.
func (j *asked) answered() bool {
	p := &j.packet
	return p.Kind != packet.KindICMP && p.Kind != packet.KindICMPv6 ||
		p.Trackable() && !p.IsReply()
}

// ask asks Judge about a packet of a device and the answer to it. q has its hook.
func ask(a *Attachment, q Query, flows *conntrack.Table, now conntrack.Time) (j asked) {
	j.packet = q.packet()
	j.there, j.flow = judgeOnly(a, q.Hook, q.Direction, &j.packet, flows, now)
	back := q.reply()
	j.answer.packet, j.answer.direction = back.packet(), back.Direction
	answer, d := &j.answer.packet, &j.there
	var t conntrack.Tuple
	j.tracked = d.Accept() && d.tracked() && flowTuple(&t, a, q.Hook, q.Direction, &j.packet)
	switch {
	case d.commit == commitRequest:
		j.back = Verdict{Reason: d.Reason, Direction: back.Direction, Scope: a.Scope}
	case j.tracked:
		j.back = Verdict{Reason: ReasonFlow, Direction: back.Direction, Rule: d.Verdict.Rule,
			Scope: a.Scope}
		if a.acl != nil { // which no flow opens
			if rule, denied := a.denies(q.Hook, answer, back.Direction); denied {
				j.back.Reason, j.back.Rule = ReasonNetworkACL, rule
			}
		}
	default:
		reply, _ := judgeOnly(a, q.Hook, back.Direction, answer, flows, now)
		j.back = reply.Verdict
		if d.Reason == ReasonUntracked && j.back.Reason == ReasonRule {
			j.back.Reason = ReasonUntracked // once the packet itself has passed
		}
	}
	return j
}

// Passes reports whether Judge lets a packet pass, and the answer to it if there is one. It
// costs much less than [Explain]. The flow table may be nil. A device that is not managed
// passes everything.
func Passes(rs *Ruleset, flows *conntrack.Table, now conntrack.Time, q Query) bool {
	a := rs.Device(q.Device)
	if a == nil {
		return true
	}
	if q.Hook == 0 {
		q.Hook = HookInput
	}
	j := ask(a, q, flows, now)
	return j.there.Accept() && (!j.answered() || j.back.Accept())
}

// blocks lists what stops a packet that was judged, and what stops the answer to it. Behind
// the first one the judge does not look: what stands there is asked by itself.
func blocks(rs *Ruleset, a *Attachment, h Hook, j *asked, x *Explanation) (out []Block) {
	d := x.Direction
	acl := func(p *packet.Packet, d conntrack.Direction, back bool) {
		if a.acl == nil {
			return
		}
		if rule, denied := a.denies(h, p, d); denied {
			info, _ := rs.Rule(rule)
			out = append(out, Block{Code: CodeSubnetACL, Reason: ReasonNetworkACL, Direction: d,
				Return: back, Rule: &info})
		}
	}
	groups := func() {
		if x.Verdict.Reason == ReasonNoRule || x.Verdict.Reason == ReasonNotAFlow {
			out = append(out, Block{Code: x.Code, Reason: x.Verdict.Reason, Direction: d})
			return
		}
		live := j.flow != nil && !j.flow.Untracked
		permits := slices.ContainsFunc(x.Groups, func(g GroupTried) bool { return g.Permits })
		if live || permits || x.Failsafe != policy.NoFailsafe {
			return
		}
		b := Block{Code: CodeRulesMismatch, Reason: ReasonNoRule, Direction: d}
		if !slices.ContainsFunc(x.Groups, func(g GroupTried) bool { return g.Rules > 0 }) {
			b.Code = CodeNoRules
		}
		out = append(out, b)
	}
	reason := x.Verdict.Reason
	switch {
	case x.Verdict.Accept():
		if x.Answered && !x.Reply.Accept() {
			out = append(out, Block{Code: codeOf(x.Reply, CodeRulesMismatch), Reason: x.Reply.Reason,
				Direction: d.Reverse(), Return: true, Rule: x.ReplyACLRule})
		}
		return out
	case reason == ReasonSourceDestCheck:
		out = append(out, Block{Code: CodeSourceDestCheck, Reason: reason, Direction: d})
	case reason != ReasonNoRule && reason != ReasonNotAFlow && reason != ReasonNetworkACL:
		return append(out, Block{Reason: reason, Direction: d})
	}
	if d == conntrack.Ingress {
		acl(&j.packet, d, false)
		groups()
	} else {
		groups()
		acl(&j.packet, d, false)
	}
	if x.Answered {
		acl(&j.answer.packet, d.Reverse(), true)
	}
	return out
}
