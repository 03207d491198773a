package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/filter/packet"
)

// Untracked flows live by rules alone: each of their packets needs one of its own
// direction, and none makes another one pass (T6). They are
// remembered for one thing that rules cannot tell: who opened them.
//
// The answers of a flow to port 80 are permitted by the open rule for all ports.
// Taken for themselves they would open a flow that AWS tracks, since nothing open
// permits its answers, and that would let the first flow go on after its rule is
// gone. So what answers an untracked flow never opens a tracked one, for as long as
// the flow is remembered, which is as long as either side goes on with it.
//
// Memory is bounded and ends with the process. A TCP segment tells that it is not the
// first of its connection. If it may be such an answer, nothing begins with it: rules
// permit it or not, and those of the other direction what it is answered. So a
// connection is cut with its rule also if it was forgotten. The price is a connection
// that was tracked and is forgotten, whose opener has a rule for all ports.
// A datagram does not tell, and is the first of a flow of its own.

// leaving is what [attachmentTemplate.leaves] says; the zero value is that the
// packet is for a tracked flow, or for none.
type leaving struct {
	untracked bool
	// commit and outcome are what to do about the flow.
	commit  commit
	outcome conntrack.Outcome
	// rule is the open one that permits a packet of the opener, if there is one.
	rule match.RuleNumber
}

// leaves reports whether a packet that a rule of its direction permits belongs to
// a flow that is not tracked. opens is what [conntrack.Opens] says, and false for a
// packet that goes on with a tracked flow.
func (t *attachmentTemplate) leaves(p *packet.Packet, s *conntrack.PacketMeta, flow *conntrack.Flow,
	opens bool) (out leaving) {
	tcp := s.Class == conntrack.ClassTCP
	if !tcp && s.Class != conntrack.ClassUDP || !p.Trackable() { // T4
		return out
	}
	known := flow != nil && flow.Untracked()
	if flow != nil && !known && !opens {
		return out
	}

	d, f := s.Dir, family(p.Src)
	begins := tcp && p.TCP.Flags&(conntrack.SYN|conntrack.ACK) == conntrack.SYN
	if tcp && flow == nil && !begins && t.open.mayAnswer(d, f, p.SrcPort) {
		out.untracked = true
		return out
	}
	opener := d
	if known && !begins {
		opener = flow.Opener()
	}
	asked := p.DstPort
	if opener != d {
		asked = p.SrcPort
	}
	opening, returning := t.open.untracked(opener, f, p.Proto, asked)
	left := opening != match.NoRule && returning != match.NoRule

	switch {
	case known && opener == flow.Opener() && (left || opener != d):
		// A flow that has lost its rule is remembered, too, while it is answered.
		if out.outcome = flow.Assess(s); out.outcome == conntrack.OutcomeMember {
			out.commit = commitRemember
		} else if begins {
			out.commit = commitUntracked
		}
	case !left:
		return out
	case opener == d:
		out.commit = commitUntracked
	}
	if opener == d {
		out.rule = opening
	}
	out.untracked = true
	return out
}

// relates reports whether an ICMP error about the flow passes. Those about an
// untracked flow do, as long as rules leave it untracked: AWS has rules decide
// about them, but a lost path MTU breaks TCP in ways that are hard to find. AWS's
// behaviour is icmp_errors: rules (T24).
func (t *attachmentTemplate) relates(f *conntrack.Flow) bool {
	if !f.Untracked() {
		return f.State() != conntrack.StateRevoked
	}
	tuple := f.Tuple()
	opening, returning := t.open.untracked(f.Opener(), family(tuple.Remote), tuple.Proto(),
		askedPort(&tuple, f.Opener()))
	return opening != match.NoRule && returning != match.NoRule
}

// askedPort is the port of the side that did not open the flow.
func askedPort(t *conntrack.Tuple, opener conntrack.Direction) uint16 {
	if opener == conntrack.Egress {
		return t.RemotePort
	}
	return t.LocalPort
}

// Clause is what decides whether AWS would track a flow (T2).
type Clause uint8

const (
	// ClauseNone: nothing, the packet does not pass. The zero value.
	ClauseNone Clause = iota
	// ClauseSetting: settings.tracking is always.
	ClauseSetting
	// ClauseScope: interfaces share the flow, and the rules of one do not tell
	// whether the others permit its answers (T7).
	ClauseScope
	// ClauseProtocol: neither TCP nor UDP (T4).
	ClauseProtocol
	// ClauseOpening: no single rule permits the opening packet to everybody (T2a).
	ClauseOpening
	// ClauseReturn: no single rule of the other direction permits everybody all
	// ports (T2b).
	ClauseReturn
	// ClauseEarlier: rules for everybody permit both, but the flow was tracked before
	// and stays so.
	ClauseEarlier
	// ClauseBoth: rules for everybody permit both, so the flow is not tracked.
	ClauseBoth
	// ClauseMidStream: nobody remembers who opened the connection, and the segment may be
	// the answer of an untracked one. No flow begins with it.
	ClauseMidStream
)

var clauseNames = [...]string{
	ClauseNone: "", ClauseSetting: "setting", ClauseScope: "scope", ClauseProtocol: "protocol",
	ClauseOpening: "opening-rule",
	ClauseReturn:  "return-rule", ClauseEarlier: "earlier", ClauseBoth: "both-rules",
	ClauseMidStream: "mid-stream",
}

// String returns the clause's stable word, "" for ClauseNone.
func (c Clause) String() string { return clauseNames[c] }

// Tracking says whether a flow is tracked and why.
type Tracking struct {
	Untracked bool
	// Clause is what rules and settings say now. An untracked flow that has another
	// one than ClauseBoth becomes tracked with the next packet of its opener, if a
	// rule still permits that.
	Clause Clause
	// Opening and Return are the rules for everybody that there are, NoRule for none.
	Opening, Return match.RuleNumber
}

// tracking judges a flow that rules permitted in the direction opener.
func (t *attachmentTemplate) tracking(opener conntrack.Direction, family int, proto uint8,
	asked uint16) (out Tracking) {
	switch {
	case t.iface.Scope != "":
		out.Clause = ClauseScope
		return out
	case t.open == nil:
		out.Clause = ClauseSetting
		return out
	case proto != conntrack.ProtoTCP && proto != conntrack.ProtoUDP:
		out.Clause = ClauseProtocol
		return out
	}
	out.Opening, out.Return = t.open.untracked(opener, family, proto, asked)
	switch {
	case out.Opening == match.NoRule:
		out.Clause = ClauseOpening
	case out.Return == match.NoRule:
		out.Clause = ClauseReturn
	default:
		out.Clause, out.Untracked = ClauseBoth, true
	}
	return out
}

// trackingOf judges a live flow.
func (t *attachmentTemplate) trackingOf(f *conntrack.FlowInfo) Tracking {
	out := t.tracking(f.Opener, family(f.Tuple.Remote), f.Tuple.Proto(), askedPort(&f.Tuple, f.Opener))
	if !f.Untracked && out.Untracked {
		out.Clause = ClauseEarlier
	}
	out.Untracked = f.Untracked
	return out
}
