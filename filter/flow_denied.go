package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// DeniedBy returns the rule of a network ACL that denies the packet which opens a flow, or
// the answer to it. There is none unless every interface that packets of the flow may cross
// has one that does.
func (r *Review) DeniedBy(f *conntrack.FlowInfo) (rule match.RuleNumber, denied bool) {
	for _, a := range r.crossed(f) {
		at, stopped := a.deniesFlow(f)
		if !stopped {
			return match.NoRule, false
		}
		if !denied {
			rule, denied = at, true
		}
	}
	return rule, denied
}

// deniesFlow returns the rule of the interface's network ACL that denies the packet which
// opens a flow, or the answer to it. Which hook they come through a flow does not tell: what
// is a failsafe in any of them counts as one.
func (a *Attachment) deniesFlow(f *conntrack.FlowInfo) (rule match.RuleNumber, denied bool) {
	if a.acl == nil {
		return match.NoRule, false
	}
	q := openingQuery(f)
	for range 2 {
		p := q.packet()
		if rule, denied = a.denies(HookInput, &p, q.Direction); denied && !a.exempts(&p, q.Direction) {
			return rule, true
		}
		q = q.reply()
	}
	return match.NoRule, false
}

// exempts reports whether a packet of this machine passes as one of an exempt service.
func (a *Attachment) exempts(p *packet.Packet, d conntrack.Direction) bool {
	if a.exemptions == nil {
		return false
	}
	x, _ := a.exempt(HookInput, p, d)
	return x != policy.NoExemption
}

// openingQuery is a flow's first packet, as far as its tuple tells of it.
func openingQuery(f *conntrack.FlowInfo) Query {
	t := &f.Tuple
	q := Query{Direction: f.Opener, Protocol: t.Proto(), Src: t.Remote.Netip(), Dst: t.Local.Netip(),
		SrcPort: t.RemotePort, DstPort: t.LocalPort}
	if f.Opener == conntrack.Egress {
		q.Src, q.Dst, q.SrcPort, q.DstPort = q.Dst, q.Src, q.DstPort, q.SrcPort
	}
	if f.Class == conntrack.ClassQuery {
		q.ICMPType = uint8(q.DstPort >> 8)
	}
	return q
}
