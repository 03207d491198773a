package filter

import (
	"cmp"
	"net/netip"
	"slices"

	"sgfw/conntrack"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// Query describes one packet to explain.
type Query struct {
	Device string
	// Direction is seen from the protected machine: this one, or the guest behind
	// the device.
	Direction conntrack.Direction
	Protocol  uint8
	Src, Dst  netip.Addr
	// SrcPort and DstPort are for TCP and UDP.
	SrcPort, DstPort uint16
	// Flags are for TCP; 0 means SYN, a new connection.
	Flags conntrack.TCPFlags
	// ICMPType, ICMPCode and ICMPID are for ICMP and ICMPv6.
	ICMPType, ICMPCode uint8
	ICMPID             uint16
	// About is the packet that an ICMP error quotes, nil for none. Of it protocol,
	// addresses, ports and ICMP fields count.
	About *Query
	// HopLimit matters for failsafes; 0 means 64.
	HopLimit uint8
	// Hook matters for failsafes: nothing that HookForward sees is one. 0 means
	// that the packet is not forwarded.
	Hook Hook
}

// Code is an explanation in the words of the VPC Reachability Analyzer
// (A3).
type Code string

const (
	CodeRulesMismatch Code = "ENI_SG_RULES_MISMATCH"
	CodeNoRules       Code = "SG_HAS_NO_RULES"
	// CodeSubnetACL is the finding of ReasonNetworkACL.
	CodeSubnetACL Code = "SUBNET_ACL_RESTRICTION"
	// CodeSourceDestCheck is the finding of ReasonSourceDestCheck.
	CodeSourceDestCheck Code = "ENI_SOURCE_DEST_CHECK_RESTRICTION"
)

// Explanation says what happens to a packet and why.
type Explanation struct {
	Device    string
	Direction conntrack.Direction
	// Managed is false for a device that no interface of the policy names:
	// its packets pass unseen, and nothing below is filled in.
	Managed bool
	// Groups are those attached to the device; all were asked.
	Groups   []GroupTried
	Verdict  Verdict
	Failsafe policy.Failsafe
	// Unasked is the exempt service that the packet comes from without being an answer
	// to anything: the rules decide about it.
	Unasked policy.Exemption
	// Wire is true where the packet is judged as it is on the wire (X8), and Inward where
	// it comes in through the device.
	Wire, Inward bool
	// Flow is the live flow that the packet belongs to, or an ICMP error is about.
	Flow *conntrack.FlowInfo
	// Tracking says whether the packet's flow is tracked, or would be. Its Clause is
	// ClauseNone if the packet belongs to no flow, or does not pass.
	Tracking Tracking
	// Rule permitted the packet or, for a flow, its first packet; of a packet that a network
	// ACL denies it is the rule that does.
	Rule *RuleInfo
	// ACLRule is the rule of the interface's network ACL that decides about the packet, nil
	// where it has none or is not asked.
	ACLRule *RuleInfo
	// Misses are the rules that came nearest, when none permitted the packet.
	Misses []Miss
	// Code is set when the packet does not pass.
	Code Code
	// ReplyACLRule is the rule of the interface's network ACL that denies the answer, nil for
	// none.
	ReplyACLRule *RuleInfo
	// Reply is what happens to the answer once this packet has passed, or not;
	// ReplyAlone, what happens to the same packet when no flow is live.
	Reply, ReplyAlone Verdict
	// Answered is true for a packet that is answered, if it gets there: no error of ICMP, and
	// no answer of its.
	Answered bool
	// Blocks are all that stop the packet or the answer to it, in the order of the way. They
	// are empty if both pass.
	Blocks []Block
}

// GroupTried is one group of the interface.
type GroupTried struct {
	Name string
	// Rules counts the group's rules of the packet's direction.
	Rules   int
	Permits bool
}

// Miss is a rule that would have permitted the packet, were it not for Fields.
type Miss struct {
	Rule   RuleInfo
	Fields []Difference
}

// Difference is one thing that a packet lacks for a rule.
type Difference struct {
	Field     string // "protocol", "port", "type", "code", "peer" or "family"
	Want, Got string
}

// maxMisses bounds Explanation.Misses.
const maxMisses = 5

// Explain asks Judge about one packet under rs. The flow table may be nil; then
// no flow is live.
func Explain(rs *Ruleset, flows *conntrack.Table, now conntrack.Time, q Query) Explanation {
	x := Explanation{Device: q.Device, Direction: q.Direction}
	a := rs.Device(q.Device)
	if a == nil {
		return x
	}
	x.Device = a.Device
	x.Managed, x.Wire, x.Inward = true, a.wire, q.Direction == a.inward
	q.Hook = cmp.Or(q.Hook, HookInput)
	if rs.exemptions != nil && flows != nil {
		rs.exemptions.pending.tick(now) // on a quiet machine nobody else does
	}
	j := ask(a, q, flows, now)
	d, p, info := &j.there, &j.packet, j.flow
	x.Verdict, x.Flow = d.Verdict, info
	x.Failsafe = a.failsafeAt(q.Hook, p, q.Direction)
	if e := a.exemptions; e != nil && q.Direction == conntrack.Ingress &&
		d.Reason.Exemption() == policy.NoExemption {
		x.Unasked = e.of(a, p.Kind, p.Src, p.SrcPort)
	}
	if rule, ok := rs.Rule(d.Verdict.Rule); ok {
		x.Rule = &rule
	}
	x.Tracking = trackingFor(a, &j)
	if rule, ok := rs.Rule(d.aclRule()); ok {
		x.ACLRule = &rule
	}
	x.Groups, x.Misses = try(rs, a, q.Direction, p)
	mismatch := CodeRulesMismatch
	if len(x.Misses) == 0 {
		mismatch = CodeNoRules
	}
	x.Code = codeOf(d.Verdict, mismatch)
	if x.Code != mismatch {
		x.Misses = nil // no rule of a group would help, or none need to
	}

	alone, _ := judgeOnly(a, q.Hook, j.answer.direction, &j.answer.packet, nil, now)
	x.ReplyAlone, x.Reply, x.Answered = alone.Verdict, j.back, j.answered()
	if info, ok := rs.Rule(x.Reply.Rule); ok && x.Reply.Reason == ReasonNetworkACL {
		x.ReplyACLRule = &info
	}
	x.Blocks = blocks(rs, a, q.Hook, &j, &x)
	return x
}

// trackingFor says whether the flow of a packet that was judged is tracked.
func trackingFor(a *Attachment, j *asked) (out Tracking) {
	d, p, flow := &j.there, &j.packet, j.flow
	switch {
	case flow != nil && (d.Reason == ReasonFlow || d.Reason == ReasonRelated ||
		d.Reason == ReasonUntracked):
		return a.trackingOf(flow)
	case d.Reason == ReasonUntracked:
		if out = a.tracking(d.Direction, family(p.Src), p.Proto, p.DstPort); !out.Untracked {
			out = a.tracking(d.Direction.Reverse(), family(p.Src), p.Proto, p.SrcPort)
		}
		if !out.Untracked {
			out = Tracking{Untracked: true, Clause: ClauseMidStream}
		}
	case j.tracked:
		out = a.tracking(d.Direction, family(p.Src), p.Proto, p.DstPort)
		out.Untracked = false
	}
	return out
}

// judgeOnly is a Judge without a Commit.
func judgeOnly(a *Attachment, h Hook, d conntrack.Direction, p *packet.Packet,
	flows *conntrack.Table, now conntrack.Time) (Decision, *conntrack.FlowInfo) {
	var (
		t conntrack.Tuple
		s conntrack.PacketMeta
	)
	fillMeta(&s, p, d)
	if flows == nil || !flowTuple(&t, a, h, d, p) {
		return Judge(a, h, p, &s, nil), nil
	}
	c := flows.Lock(&t, now)
	defer c.Unlock()
	f := c.Flow()
	if f == nil {
		return Judge(a, h, p, &s, nil), nil
	}
	info := f.Info()
	return Judge(a, h, p, &s, f), &info
}

func (q *Query) packet() packet.Packet {
	p := packet.Packet{
		Src: conntrack.AddrFrom(q.Src), Dst: conntrack.AddrFrom(q.Dst),
		Proto: q.Protocol, HopLimit: cmp.Or(q.HopLimit, 64),
	}
	switch {
	case q.Protocol == conntrack.ProtoTCP:
		p.Kind, p.SrcPort, p.DstPort = packet.KindTCP, q.SrcPort, q.DstPort
		p.TCP.Flags = cmp.Or(q.Flags, conntrack.SYN)
	case q.Protocol == conntrack.ProtoUDP:
		p.Kind, p.SrcPort, p.DstPort = packet.KindUDP, q.SrcPort, q.DstPort
	case q.Protocol == conntrack.ProtoICMP && p.Src.Is4():
		p.Kind = packet.KindICMP
	case q.Protocol == conntrack.ProtoICMPv6 && !p.Src.Is4():
		p.Kind = packet.KindICMPv6
	}
	if p.Kind == packet.KindICMP || p.Kind == packet.KindICMPv6 {
		p.ICMPType, p.ICMPCode, p.ICMPID = q.ICMPType, q.ICMPCode, q.ICMPID
		if q.About != nil && packet.IsError(p.Kind, p.ICMPType) {
			o := q.About.packet()
			p.Quoted, p.Quote = true, packet.Quote{Src: o.Src, Dst: o.Dst, SrcPort: o.SrcPort,
				DstPort: o.DstPort, ICMPID: o.ICMPID, Proto: o.Proto, Kind: o.Kind,
				ICMPType: o.ICMPType, ICMPCode: o.ICMPCode}
		}
	}
	return p
}

// reply returns the query for the answer to q.
func (q *Query) reply() Query {
	r := *q
	r.About = nil
	r.Direction = q.Direction.Reverse()
	r.Src, r.Dst = q.Dst, q.Src
	r.SrcPort, r.DstPort = q.DstPort, q.SrcPort
	if q.Protocol == conntrack.ProtoTCP && cmp.Or(q.Flags, conntrack.SYN) == conntrack.SYN {
		r.Flags = conntrack.SYN | conntrack.ACK
	}
	r.ICMPType = q.AnswerType()
	return r
}

// AnswerType is the type of the ICMP message that answers the packet, its own type if it asks
// nothing.
func (q *Query) AnswerType() uint8 {
	switch {
	case q.Protocol == conntrack.ProtoICMP && q.ICMPType == 8:
		return 0
	case q.Protocol == conntrack.ProtoICMP && slices.Contains([]uint8{13, 15, 17}, q.ICMPType):
		return q.ICMPType + 1 // timestamp, information and mask (RFC 792, RFC 950)
	case q.Protocol == conntrack.ProtoICMPv6 && q.ICMPType == 128:
		return 129
	}
	return q.ICMPType
}
