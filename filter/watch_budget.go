package filter

import (
	"math/bits"

	"sgfw/conntrack"
	"sgfw/filter/packet"
)

const (
	// watchedOfBatch is how many drops one batch records at most while somebody watches, and
	// passingOfBatch how many packets that pass, of which those of known flows are at most
	// half. None takes the room of another.
	watchedOfBatch = 64
	passingOfBatch = watchedOfBatch / 2
	// foldBits is the logarithm of how many kinds of drops a batch is folded by.
	foldBits = 7
)

// budget bounds what a batch records while somebody watches: equal drops are one record
// with a count, and what is beyond the budget is counted as lost.
type budget struct {
	// seen are the batch's kinds of drops, each at the place that its hash says.
	seen [1 << foldBits]folded
	// batch is the number of the batch, so that nothing is cleared between two.
	batch uint32
	// passed is how many records of this batch are of packets that pass.
	passed int
	// lost are the verdicts of this batch without a record, by reason, and missed has a bit
	// for each of these reasons.
	lost   [reasonCount]uint32
	missed ReasonSet
}

// folded is a kind of drops of one batch.
type folded struct {
	kind  uint64
	batch uint32
	at    uint32 // of its record
}

// watched records a verdict for those who look on, adds it to the record of equal drops, or
// counts it as lost.
func (w *Worker) watched(ev *Event, r Reason) {
	if r.Accepts() {
		if w.flood.admits(r, w.budget.passed) {
			w.budget.passed++
			w.record(ev)
			return
		}
	} else {
		kind := w.dropKind(ev)
		f := &w.budget.seen[kind>>(64-foldBits)]
		if f.batch == w.budget.batch && f.kind == kind {
			w.records[f.at].Count++
			return
		}
		if len(w.records)-w.budget.passed < watchedOfBatch && w.worth(r) {
			*f = folded{kind, w.budget.batch, uint32(len(w.records))}
			w.record(ev)
			return
		}
	}
	w.budget.lost[r%reasonCount]++
	w.budget.missed |= 1 << (r % reasonCount)
}

// dropKind is a hash of what equal drops have in common, as dropKey tells. Strangers do
// not know its keys, so that they find no two packets that share one.
func (w *Worker) dropKind(ev *Event) uint64 {
	p, v := &w.pkt, &w.decision.Verdict
	what := uint64(v.Scope)<<32 | uint64(v.Reason)<<24 | uint64(v.Direction)<<16
	way := uint64(ev.In)<<32 | uint64(ev.Out)
	if v.Reason.IsFault() || v.Reason == ReasonBridged {
		return fold(what^keys[0], way^keys[1])
	}
	src, dst, flags := p.SrcPort, p.DstPort, uint64(p.TCP.Flags&^conntrack.PSH)
	switch {
	case p.Kind == packet.KindTCP &&
		p.TCP.Flags&(conntrack.SYN|conntrack.ACK) != conntrack.SYN && src < dst:
		what |= flags
		dst = 0
	case p.Kind == packet.KindTCP:
		what |= flags
		src = 0
	case p.Kind == packet.KindUDP:
		src = 0
	default:
		what |= uint64(p.ICMPType)<<8 | uint64(p.ICMPCode)
		src, dst = 0, 0
	}
	ports := uint64(src)<<48 | uint64(dst)<<32 | uint64(p.Proto)
	return fold(fold(p.Src.Lo^keys[0], p.Src.Hi^keys[1])^fold(p.Dst.Lo^keys[2], p.Dst.Hi^keys[3])^
		way, fold(what^keys[1], ports^keys[2])^keys[3])
}

// of is how many verdicts of this batch that have one of some reasons were not recorded.
func (b *budget) of(reasons ReasonSet) (n uint64) {
	for t := uint64(b.missed & reasons); t != 0; t &= t - 1 {
		n += uint64(b.lost[bits.TrailingZeros64(t)])
	}
	return n
}

// next begins another batch.
func (b *budget) next() {
	for t := uint64(b.missed); t != 0; t &= t - 1 {
		b.lost[bits.TrailingZeros64(t)] = 0
	}
	b.missed, b.passed = 0, 0
	b.batch++
	if b.batch == 0 { // kinds of 4,294,967,296 batches ago are none of this one
		b.seen = [1 << foldBits]folded{}
		b.batch = 1
	}
}
