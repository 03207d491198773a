package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// Decision is what Judge found: the verdict, and what Commit has to do about
// the flow if the packet passes.
type Decision struct {
	Verdict
	// outcome is what the flow made of the packet, if there is one.
	outcome conntrack.Outcome
	commit  commit
	// noted is the request that commitRequest remembers or, without one, the number of the
	// rule that aclRule returns: they share the place of one, see [Verdict].
	noted uint64
}

// aclRule returns the rule of the interface's network ACL that decided about the packet,
// whatever it said; match.NoRule where none was asked, or a failsafe passed what none allows.
func (dec *Decision) aclRule() match.RuleNumber {
	if dec.commit == commitRequest {
		return match.NoRule
	}
	return match.RuleNumber(dec.noted)
}

// commit is what a Decision does to the table.
type commit uint8

const (
	commitNothing commit = iota
	// commitUpdate applies the outcome to the flow.
	commitUpdate
	// commitInsert begins a flow, in place of a closed one if there is any.
	commitInsert
	// commitUntracked remembers a flow that is not tracked, commitRemember goes on
	// to do so by the outcome.
	commitUntracked
	commitRemember
	// commitRequest remembers a request to an exempt service.
	commitRequest
)

// tracked reports whether the packet belongs to a tracked flow once it has passed.
func (dec *Decision) tracked() bool {
	return dec.commit != commitNothing && dec.commit != commitRequest && dec.Reason != ReasonUntracked
}

// Judge decides about one packet that crosses the device a, in the hook, as its
// metadata s describes it. The flow is the live one that flowTuple names, or nil. It
// reads the flow and changes nothing: the queue, explain and tests all call it.
//
// The order is that of §10: the source/destination check, which
// holds for flows, too; what is exempt, which is never tracked; the network ACL for what
// comes in; the flow before the rules, because a packet of a live flow passes whatever the
// rules say (T1); then
// the pooled rules of the packet's own direction and family. Those decide about
// every packet of an untracked flow (T6). The network ACL for what goes out comes last. It
// judges packets of flows as well, and denies one without ending its flow (N7).
func Judge(a *Attachment, hook Hook, p *packet.Packet, s *conntrack.PacketMeta,
	flow *conntrack.Flow) (dec Decision) {
	dec.judge(a, hook, p, s, flow)
	return dec
}

// judge is Judge in place: the hot-path variant, which avoids a copy.
func (dec *Decision) judge(a *Attachment, hook Hook, p *packet.Packet, s *conntrack.PacketMeta,
	flow *conntrack.Flow) {
	dec.judgeByGroups(a, hook, p, s, flow)
	// What goes out meets the network ACL behind the groups, and before a flow begins.
	if a.acl != nil && s.Dir == conntrack.Egress && dec.Accept() &&
		dec.Reason.Exemption() == policy.NoExemption {
		rule, denied := a.denies(hook, p, s.Dir)
		dec.noted = uint64(rule)
		if denied {
			dec.Reason, dec.Rule, dec.commit = ReasonNetworkACL, rule, commitNothing
		}
	}
}

// judgeByGroups is judge without the network ACL for what goes out.
func (dec *Decision) judgeByGroups(a *Attachment, hook Hook, p *packet.Packet,
	s *conntrack.PacketMeta, flow *conntrack.Flow) {
	d := s.Dir
	dec.Verdict = Verdict{Direction: d, Scope: a.Scope}
	dec.outcome, dec.commit, dec.noted = conntrack.OutcomeRules, commitNothing, 0
	opens := false
	if a.exemptions != nil && a.addressed(hook, p, d) {
		if x, request := a.exempt(hook, p, d); x != policy.NoExemption {
			dec.Reason = ExemptReason(x)
			// A fragment asks nothing (T25), nor does what nobody will accept.
			if d == conntrack.Egress && p.Trackable() && p.Intact() {
				dec.commit, dec.noted = commitRequest, uint64(request)
			}
			return
		}
	}
	if flow == nil && !a.addressed(hook, p, d) {
		dec.Reason = ReasonSourceDestCheck
		return
	}
	if a.acl != nil && d == conntrack.Ingress {
		rule, denied := a.denies(hook, p, d)
		dec.noted = uint64(rule)
		if denied {
			dec.Reason, dec.Rule = ReasonNetworkACL, rule
			return
		}
	}
	switch {
	case flow == nil, p.Quoted && !a.relates(flow):
		opens = p.Trackable() && conntrack.Opens(s)
	case p.Quoted:
		dec.Reason, dec.Rule = ReasonRelated, match.RuleNumber(flow.Rule())
		return
	case flow.Untracked():
		opens = conntrack.Opens(s)
	default:
		switch dec.outcome = flow.Assess(s); dec.outcome {
		case conntrack.OutcomeMember:
			dec.Reason, dec.Rule, dec.commit = ReasonFlow, match.RuleNumber(flow.Rule()), commitUpdate
			return
		case conntrack.OutcomeReopen:
			opens = true
		case conntrack.OutcomeRevoked:
			dec.Reason = ReasonRevoked
			if a.failsafeAt(hook, p, d) != policy.NoFailsafe {
				dec.Reason = ReasonFailsafe
			}
			return
		}
	}

	peer := p.Src
	if d == conntrack.Egress {
		peer = p.Dst
	}
	dec.Rule = a.matchers[d][family(peer)].Match(keyOf(peer), selectorOf(p))
	left := leaving{}
	if dec.Rule != match.NoRule && (a.open != nil || flow != nil && flow.Untracked()) {
		left = a.leaves(p, s, flow, opens)
	}
	switch {
	case dec.Rule == match.NoRule:
		dec.Reason = ReasonNoRule
		if a.failsafeAt(hook, p, d) != policy.NoFailsafe {
			dec.Reason = ReasonFailsafe
		} else if midStream(p) {
			dec.Reason = ReasonNotAFlow
		} else if rule := a.undelivered(hook, p, d, flow); rule != match.NoRule {
			dec.Reason, dec.Rule = ReasonRelated, rule
		}
	case left.untracked:
		dec.Reason, dec.outcome, dec.commit = ReasonUntracked, left.outcome, left.commit
		if left.rule != match.NoRule {
			dec.Rule = left.rule // whichever else permits it (T7)
		}
	case opens:
		dec.Reason, dec.commit = ReasonRule, commitInsert
	case flow != nil:
		dec.Reason, dec.commit = ReasonRule, commitUpdate
	default:
		dec.Reason = ReasonRule
	}
	if (dec.commit == commitInsert || dec.commit == commitUntracked) && conntrack.Opens(s) &&
		!p.Intact() {
		dec.Reason, dec.commit = ReasonChecksum, commitNothing
	}
}

// Commit applies a decision that passed to the entry that holds its flow. A
// flow that finds no room turns the verdict into a drop (T30), or into a pass that nothing
// remembers, as the policy says.
func (dec *Decision) Commit(c *conntrack.Entry, a *Attachment, s *conntrack.PacketMeta,
	now conntrack.Time) {
	switch dec.commit {
	case commitUpdate:
		c.Update(s, dec.outcome, &a.timeouts, now)
	case commitInsert:
		if c.Insert(s, uint32(dec.Rule), &a.timeouts, now) == conntrack.TableFull {
			dec.Reason = a.full
		}
	case commitUntracked:
		c.InsertUntracked(s, uint32(dec.Rule), &a.remembered, now)
	case commitRemember:
		c.Update(s, dec.outcome, &a.remembered, now)
	case commitRequest:
		a.exemptions.pending.note(request(dec.noted))
	}
}

// flowTuple puts into t the flow that decides about a packet: its own or, for an
// ICMP error, the one that it quotes. It returns false for a packet that no
// flow can cover, because it has no tuple, fails the source/destination check or is
// its own answer.
//
// The quoted packet crossed the device in the other direction, and the error
// comes back to its sender: an error that is addressed to anyone else quotes a
// packet that did not cause it (T24; the "reachable ICMP" hole, CVE-2019-5598).
func flowTuple(t *conntrack.Tuple, a *Attachment, hook Hook, d conntrack.Direction,
	p *packet.Packet) bool {
	if !a.addressed(hook, p, d) {
		return false
	}
	switch {
	case (p.Kind == packet.KindTCP || p.Kind == packet.KindUDP) && !p.First: // nearly all, as below
		t.Set(a.Scope, d, p.Proto, p.Src, p.Dst, p.SrcPort, p.DstPort)
	case p.Quoted:
		if !a.related || p.Quote.Src != p.Dst || !p.Quote.Trackable() {
			return false
		}
		*t = p.Quote.Tuple(a.Scope, d.Reverse())
		return true
	case !p.Trackable():
		return false
	default:
		p.FillTuple(t, a.Scope, d)
	}
	// From an end to the same end: both directions look alike, so what comes in
	// through one device of a scope would go out through another one by its own flow.
	return t.Local != t.Remote || t.LocalPort != t.RemotePort
}
