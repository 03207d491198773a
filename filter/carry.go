package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/filter/packet"
)

// This file is about flows that the kernel carries on with by itself, in the datapath
// "offload": who may be given to it, and what is made of what it passed.

// Path is a way of packets through this machine: one direction of a flow of TCP or UDP between
// two devices. In is 0 for what this machine sends, Out for what it receives.
type Path struct {
	In, Out          uint32
	Src, Dst         conntrack.Addr
	SrcPort, DstPort uint16
	Proto            uint8
}

// Carriage returns how long the kernel may carry on with the flow of the packet that the
// latest Decide accepted: as long as each interface on its way allows.
func (w *Worker) Carriage() conntrack.Carriage { return w.carriage }

// carry lowers the carriage of the packet to what its flow at one more interface allows.
// What rode would cross an interface with the view of the wire in other hooks; and what ends
// a connection changes nothing about how it is carried. A network ACL judges every packet, so
// both directions have to be allowed.
func (w *Worker) carry(c *conntrack.Entry, a *Attachment) {
	f, p := c.Flow(), &w.pkt
	if f != nil && f.State() == conntrack.StateReset && a.inward == conntrack.Ingress {
		w.noteReset(f)
	}
	// What the rules of the kernel add no element for would owe them a packet for nothing.
	plain := !p.First && !p.Extended && (p.Kind == packet.KindUDP ||
		p.Kind == packet.KindTCP && p.TCP.Flags&(conntrack.FIN|conntrack.RST) == 0)
	switch untracked := w.decision.Reason == ReasonUntracked; {
	case f == nil, a.wire, !plain, !untracked && !w.decision.tracked(),
		untracked && !a.permitsAnswers(p, w.sample.Dir),
		!a.aclAllowsAnswers(p, w.sample.Dir):
		w.carriage = conntrack.CarryNone
		return
	}
	timeouts := &a.timeouts
	if f.Untracked() {
		timeouts = &a.remembered
	}
	w.carriage = min(w.carriage, f.Carriage(timeouts, a.carried))
	if w.carriage != conntrack.CarryNone && !c.Offload(&w.sample, w.now) {
		w.carriage = conntrack.CarryNone
	}
	w.charge(a, f)
}

// permitsAnswers reports whether rules permit packets in the other direction of a packet's
// flow. Where it is not tracked they decide about each one, and it is carried both ways or
// not at all.
func (a *Attachment) permitsAnswers(p *packet.Packet, d conntrack.Direction) bool {
	return a.permits(answerTo(p), d.Reverse()) != match.NoRule
}

// answerTo is the path of the answer to a packet, without its devices.
func answerTo(p *packet.Packet) Path {
	return Path{Src: p.Dst, Dst: p.Src, SrcPort: p.DstPort, DstPort: p.SrcPort, Proto: p.Proto}
}

// Credit takes account of packets that the kernel has passed by itself, between Begin and
// End: at each interface that they crossed, their flow lives on and has them in its
// counts. Rules that admit each packet of an untracked flow are hit by them.
//
// What belongs to no live flow any more is counted as packets, nothing else: it passed while
// its flow ended.
func (w *Worker) Credit(p Path, s conntrack.Seen) {
	reason, passed, c := ReasonFlow, s, courseNone
	if in := w.rs.links.find(p.In).attachment; in != nil && !in.wire && p.In != 0 {
		reason, passed = w.credit(in, in.inward, p, s)
		c = courseOf(in.inward)
	}
	if out := w.rs.links.find(p.Out).attachment; out != nil && !out.wire && p.Out != 0 {
		reason, passed = w.credit(out, out.inward.Reverse(), p, s)
		c = courseOf(out.inward.Reverse())
	}
	w.counts[c][reason].Add(passed.Packets)
	w.engine.carried.packets.Add(passed.Packets)
	w.engine.carried.bytes.Add(passed.Bytes)
}

// credit is Credit at one interface. It returns what really passed there.
func (w *Worker) credit(a *Attachment, d conntrack.Direction, p Path,
	s conntrack.Seen) (Reason, conntrack.Seen) {
	w.tuple.Set(a.Scope, d, p.Proto, p.Src, p.Dst, p.SrcPort, p.DstPort)
	var c conntrack.Entry
	w.engine.flows.LockEntry(&c, &w.tuple, w.now)
	defer c.Unlock()
	f := c.Flow()
	if f == nil {
		if w.ledger != nil {
			w.bookCarried(a, d, s, ReasonFlow, match.NoRule)
		}
		return ReasonFlow, s
	}
	timeouts := &a.timeouts
	if f.Untracked() {
		timeouts = &a.remembered
	}
	s = c.Credit(d, s, timeouts, w.now)
	if rule, _ := a.aclRuleOf(p, d); rule != match.NoRule {
		w.hits.Load().add(rule, s.Packets, w.now)
	}
	if w.ledger != nil {
		w.bookCarried(a, d, s, ReasonFlow, match.RuleNumber(f.Rule()))
	}
	if !f.Untracked() {
		return ReasonFlow, s
	}
	if id := a.permits(p, d); id != match.NoRule {
		w.hits.Load().add(id, s.Packets, w.now)
	}
	return ReasonUntracked, s
}

// GoesOn reports whether the flow of a path is likely to have more packets, between Begin and
// End: it has not ended, and is more than a SYN that nobody has answered.
func (w *Worker) GoesOn(p Path) bool {
	a, d := w.rs.links.find(p.In).attachment, conntrack.Direction(0)
	switch {
	case a != nil && p.In != 0:
		d = a.inward
	default:
		if a = w.rs.links.find(p.Out).attachment; a == nil || p.Out == 0 {
			return false
		}
		d = a.inward.Reverse()
	}
	w.tuple.Set(a.Scope, d, p.Proto, p.Src, p.Dst, p.SrcPort, p.DstPort)
	var c conntrack.Entry
	w.engine.flows.LockEntry(&c, &w.tuple, w.now)
	defer c.Unlock()
	f := c.Flow()
	return f != nil && !f.State().Closed() && f.State() != conntrack.StateSynSent
}

// permits returns the rule that admits each packet on a path which crosses the interface in
// direction d, [match.NoRule] for none.
func (a *Attachment) permits(p Path, d conntrack.Direction) match.RuleNumber {
	peer := p.Src
	if d == conntrack.Egress {
		peer = p.Dst
	}
	return a.matchers[d][family(peer)].Match(keyOf(peer),
		match.Selector(p.Proto)<<16|match.Selector(p.DstPort))
}

// Carried returns how many packets and bytes passed without a verdict of their own, as far
// as that has been told by Credit.
func (e *Engine) Carried() (packets, bytes uint64) {
	return e.carried.packets.Load(), e.carried.bytes.Load()
}

// maxResets is how many connections can wait for somebody who takes them from Resets.
const maxResets = 256

// Reset is a connection of an interface in host mode that a RST came in for while nobody knew
// its numbers.
type Reset struct {
	Flow conntrack.FlowInfo
	// Device is the number of the device that the RST came in through.
	Device uint32
}

// Resets are connections that a RST came in for. Where nobody takes them, or too slowly, others
// are left out: they live on.
func (e *Engine) Resets() <-chan Reset { return e.resets }

// noteReset hands over the flow of a RST that came in.
func (w *Worker) noteReset(f *conntrack.Flow) {
	select {
	case w.engine.resets <- Reset{f.Info(), w.incoming}:
	default:
	}
}
