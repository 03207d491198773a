package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/packet"
)

// Hindsight judges recorded packets by another ruleset than the one that did, of the same
// Compiler or a fork of it. It is for one goroutine, off the packet path.
type Hindsight struct {
	rs    *Ruleset
	known map[string]*Attachment
}

// Hindsight begins to look back under a ruleset.
func (rs *Ruleset) Hindsight() *Hindsight {
	return &Hindsight{rs: rs, known: make(map[string]*Attachment)}
}

// Judge returns what the ruleset would have made of a packet that no flow covered, as far as
// its record tells: by the rules, the network ACL and the source/destination check of its
// device. A verdict in the other direction than the record's is about the answer: the packet
// begins a flow, and the network ACL denies what comes back. It is false for a device that the
// ruleset does not manage, where everything passes, and for a record of none.
func (h *Hindsight) Judge(r *Record) (v Verdict, managed bool) {
	a, known := h.known[r.Device]
	if !known {
		if r.Device != "" {
			a = h.rs.Device(r.Device)
		}
		h.known[r.Device] = a
	}
	if a == nil || !r.Parsed() {
		return Verdict{}, false
	}
	d := r.Verdict.Direction
	hook, back := HookOutput, HookInput
	if d == a.inward {
		hook, back = back, hook
	}
	p := r.packet()
	var s conntrack.PacketMeta
	fillMeta(&s, &p, d)
	dec := Judge(a, hook, &p, &s, nil)
	if a.acl == nil || dec.commit != commitInsert && dec.commit != commitUntracked {
		return dec.Verdict, true
	}
	answer := answerOf(&p)
	if rule, denied := a.denies(back, &answer, d.Reverse()); denied {
		return Verdict{Reason: ReasonNetworkACL, Direction: d.Reverse(), Rule: rule,
			Scope: a.Scope}, true
	}
	return dec.Verdict, true
}

// answerOf is the answer to a packet, as far as network ACLs see it.
func answerOf(p *packet.Packet) packet.Packet {
	q := Query{Protocol: p.Proto, ICMPType: p.ICMPType}
	answer := *p
	answer.Src, answer.Dst, answer.SrcPort, answer.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	answer.ICMPType = q.AnswerType()
	return answer
}

// Begins reports whether the packet of a record may be the first of a flow: no segment of
// TCP without SYN or with ACK, and no answer of ICMP.
func (r *Record) Begins() bool {
	p := r.packet()
	return r.Parsed() && !midStream(&p)
}
