package filter

import (
	"math/bits"
	"sync/atomic"

	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// Worker decides the packets of one queue loop. Begin, Decide and End are
// called by one goroutine, in that order; they do not allocate, format or log.
type Worker struct {
	boundary
	engine *Engine

	// Taken by Begin for the whole batch.
	rs  *Ruleset
	now conntrack.Time

	pkt    packet.Packet
	tuple  conntrack.Tuple
	sample conntrack.PacketMeta
	// decision is that of the latest device. It is filled and read in place: passed
	// on by value it took a tenth of a packet's time.
	decision Decision

	// carriage is how long the kernel may carry on with the flow of the latest packet.
	carriage conntrack.Carriage
	// charged is the device whose part of the kernel's room that takes, nil for none.
	charged *Attachment
	// incoming is the device that the latest packet came in through, 0 for none.
	incoming uint32

	// Counted here during a batch and added to counts at its end, so that a
	// packet costs no atomic operation. touched has a bit for each reason.
	pending [courses][reasonCount]uint32
	touched [courses]ReasonSet
	counts  [courses][reasonCount]atomic.Uint64

	// What the rules admitted in this batch, and ever.
	run  [hitRuns]hitRun
	runs int
	hits atomic.Pointer[hitCounters]
	// refused are the latest packets that the full table refused.
	refused exceededCount

	// wanted is what is recorded of this batch: drops, which recent remembers, and
	// what somebody watches. at is the attachment that decided last.
	wanted   ReasonSet
	room     int // for records in this batch: watchedOfBatch while somebody watches
	budget   budget
	flood    flood
	records  []Record
	selected []Record // of one watcher
	recent   recent
	at       *Attachment
	// seen is where packets are noted for taps, nil while there are none, and stage what it is
	// then: nil for a worker that never had any.
	seen, stage *stage

	// ledger has what flow logs record, nil without one; it is from handover, for the batch. key
	// is that of the latest packet, here so that it is written in place.
	ledger    *ledger
	handover  *handover
	handovers atomic.Pointer[handover]
	key       TrafficKey
}

// Begin starts a batch: it fixes the ruleset and the time for all its packets.
func (w *Worker) Begin() {
	w.enter(&w.engine.gate)
	w.rs = w.engine.ruleset.Load()
	w.now = w.engine.clock()
	if e := w.rs.exemptions; e != nil {
		e.pending.tick(w.now)
	}
	w.wanted, w.room = Dropping, maxOfBatch
	w.flood.tick(w.now)
	w.seen = nil
	if w.engine.taps.Load() != nil {
		w.seen = w.stage
	}
	w.takeLedger()
	if watched := ReasonSet(w.engine.watch.wanted.Load()); watched != 0 {
		w.wanted, w.room = w.wanted|watched, watchedOfBatch
		w.budget.next()
	}
}

// Decide reports whether the packet passes. Event bytes are not kept.
func (w *Worker) Decide(ev *Event) bool {
	r := w.decide(ev)
	if w.charged != nil && w.carriage != conntrack.CarryNone {
		w.lend()
	}
	bit := ReasonSet(1) << (r % reasonCount)
	c := w.decision.course()
	w.pending[c][r%reasonCount]++
	w.touched[c] |= bit
	if w.wanted&bit != 0 {
		if w.room == watchedOfBatch {
			w.watched(ev, r)
		} else if len(w.records) < w.room && w.worth(r) {
			w.record(ev)
		}
	}
	if w.seen != nil {
		w.see(ev)
	}
	return r.Accepts()
}

// Last returns the verdict of the latest Decide.
func (w *Worker) Last() Verdict { return w.decision.Verdict }

// End closes the batch.
func (w *Worker) End() {
	for c := range w.touched {
		for t := uint64(w.touched[c]); t != 0; t &= t - 1 {
			r := bits.TrailingZeros64(t)
			w.counts[c][r].Add(uint64(w.pending[c][r]))
			w.pending[c][r] = 0
		}
		w.touched[c] = 0
	}
	if w.runs > 0 {
		w.countHits()
	}
	w.refused.count()
	if len(w.records)+len(w.recent.late) > 0 || w.budget.missed != 0 {
		w.recent.add(w.records)
		if w.engine.watch.wanted.Load() != 0 {
			w.deliver()
		}
		w.records = w.records[:0]
	}
	if w.seen != nil {
		w.tell()
	}
	if w.ledger != nil {
		w.returnLedger()
	}
	w.leave()
}

// decide judges the packet at each managed device that it crosses, first where
// it comes in, which is where its sender is, and then where it goes out. It
// passes only if all allow; the first one's flow stays when the second refuses,
// as the sender's does when the receiver's groups drop the packet
// (D7). Which direction a crossing is, the device's mode says (X6).
func (w *Worker) decide(ev *Event) Reason {
	w.carriage = w.engine.most // until an interface says less
	w.charged = nil
	w.incoming = ev.In
	p := &w.pkt
	f := p.Parse(ev.Frame)
	switch {
	case ev.Bridged:
		if f != packet.NoFault {
			*p = packet.Packet{} // not that of an earlier one
		}
		return w.unasked(ReasonBridged)
	case f != packet.NoFault:
		return w.unasked(FaultReason(f))
	}
	r := ReasonNone
	if ev.Hook.comesIn() {
		in := w.rs.links.find(ev.In)
		if !in.known {
			return w.unasked(ReasonUnknownLink)
		}
		if a := in.attachment; a != nil && !(a.wire && w.cameOnWire(ev, a)) {
			if r = w.cross(a, ev.Hook, a.inward); !r.Accepts() {
				return r
			}
		}
	}
	if ev.Hook.goesOut() {
		out := w.rs.links.find(ev.Out)
		if !out.known {
			return w.unasked(ReasonUnknownLink)
		}
		if a := out.attachment; a != nil && !(a.wire && w.leavesOnWire(ev)) {
			return w.cross(a, ev.sending(), a.inward.Reverse())
		}
	}
	if r == ReasonNone {
		return w.unasked(ReasonUnmanaged)
	}
	return r
}

// cameOnWire reports whether a forwarded packet was judged in prerouting at a, through
// which it comes in, and is here for the sake of the device that it goes out through. One
// that is here for a's sake is on its way while a's view changes, or passed in prerouting as
// this machine's own: a question to the metadata service, or DHCP.
func (w *Worker) cameOnWire(ev *Event, a *Attachment) bool {
	if ev.Hook != HookForward {
		return false
	}
	b := w.rs.links.find(ev.Out).attachment
	return b != nil && !b.wire && !a.asksMetadata(&w.pkt) &&
		FailsafeOf(&w.pkt, a.inward) == policy.NoFailsafe
}

// leavesOnWire reports whether a forwarded packet will be judged in postrouting where it
// goes out, and is here for the sake of the device that it came through.
func (w *Worker) leavesOnWire(ev *Event) bool {
	return ev.Hook == HookForward && w.rs.links.find(ev.In).attachment != nil
}

// sending is the hook of a packet that goes out. Of one in postrouting it tells whether
// this machine sends it or hands it on.
func (ev *Event) sending() Hook {
	switch {
	case ev.Hook != HookPostrouting:
		return ev.Hook
	case ev.In == 0:
		return HookOutput
	}
	return HookForward
}

// unasked decides without asking a device.
func (w *Worker) unasked(r Reason) Reason {
	w.decision.Verdict = Verdict{Reason: r}
	w.carriage = conntrack.CarryNone
	return r
}

// cross judges the packet at one device, under the lock of its flow, and
// applies the decision.
func (w *Worker) cross(a *Attachment, h Hook, d conntrack.Direction) Reason {
	p, dec := &w.pkt, &w.decision
	w.at = a
	fillMeta(&w.sample, p, d)
	if !flowTuple(&w.tuple, a, h, d, p) {
		dec.judge(a, h, p, &w.sample, nil)
		w.carriage = conntrack.CarryNone
	} else {
		w.commit(a, h)
	}
	switch dec.Reason {
	case ReasonRule, ReasonUntracked, ReasonNoRoom:
		w.hit(dec.Rule)
	case ReasonTableFull:
		w.refused.refuse(a)
	}
	if rule := dec.aclRule(); rule != match.NoRule {
		w.hit(rule)
	}
	if w.ledger != nil {
		w.book(a, d)
	}
	return dec.Reason
}

// commit is cross of a packet that a flow can cover.
func (w *Worker) commit(a *Attachment, h Hook) {
	dec := &w.decision
	var c conntrack.Entry
	w.engine.flows.LockEntry(&c, &w.tuple, w.now)
	defer c.Unlock() // also when a decision panics: the queue loop goes on
	dec.judge(a, h, &w.pkt, &w.sample, c.Flow())
	if w.seen != nil {
		w.seen.before = stateOf(&c)
		dec.Commit(&c, a, &w.sample, w.now)
		w.seen.after = stateOf(&c)
	} else if dec.commit == commitUpdate { // nearly all
		c.Update(&w.sample, dec.outcome, &a.timeouts, w.now)
	} else {
		dec.Commit(&c, a, &w.sample, w.now)
	}
	if w.engine.offload {
		w.carry(&c, a)
	}
}

// record notes the verdict for those who look on.
func (w *Worker) record(ev *Event) {
	// In place: a flood of drops makes a record for each packet.
	w.records = append(w.records, Record{})
	w.describe(&w.records[len(w.records)-1], ev)
}

// describe fills in the record of the latest packet, which is empty.
func (w *Worker) describe(r *Record, ev *Event) {
	r.Time, r.Verdict, r.Length, r.Index = w.now, w.decision.Verdict, w.pkt.Length, ev.In
	r.Count = 1
	a := w.at
	switch {
	case w.decision.Scope == 0: // decided before any device was asked
		if a = w.rs.links.find(ev.In).attachment; a == nil || ev.Hook == HookPostrouting {
			a = w.rs.links.find(ev.Out).attachment
		}
		if ev.In == 0 || ev.Hook == HookForward && w.rs.links.find(ev.In).known ||
			ev.Hook == HookPostrouting {
			r.Index = ev.Out
		}
	case w.decision.Direction != a.inward:
		r.Index = ev.Out
	}
	if a != nil {
		r.Device, r.Groups = a.Device, a.iface.Groups
	}
	if r.Parsed() {
		p := &w.pkt
		r.Kind = p.Kind
		p.FillTuple(&r.Tuple, w.decision.Scope, w.decision.Direction)
		switch p.Kind {
		case packet.KindICMP, packet.KindICMPv6:
			r.ICMPType, r.ICMPCode = p.ICMPType, p.ICMPCode
		case packet.KindTCP:
			r.Flags = p.TCP.Flags
		}
	}
}
