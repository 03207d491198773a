package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/packet"
)

const (
	// prefetchFrom is the number of flows from which a first look at a batch pays
	// (BenchmarkPreview): with fewer, the table is in the processor's caches anyway.
	prefetchFrom = 32_768
	// prefetchMax is how many packets of a batch are looked at.
	prefetchMax = 32
)

// WantsPreview reports whether a first look at this batch is worth its time.
func (w *Worker) WantsPreview() bool {
	return w.engine.flows.Len()+w.engine.flows.Untracked() >= prefetchFrom
}

// Preview takes a first look at the packets of a batch, between Begin and the
// first Decide, so that their flows are on the way from memory when they are
// decided. It decides nothing and counts nothing.
func (w *Worker) Preview(evs []Event) {
	var hashes [prefetchMax]uint64
	n := 0
	for i := range evs[:min(len(evs), prefetchMax)] {
		if w.firstTuple(&evs[i]) {
			hashes[n] = w.engine.flows.Seek(&w.tuple)
			n++
		}
	}
	for _, h := range hashes[:n] {
		w.engine.flows.Fetch(h)
	}
}

// firstTuple puts into w.tuple the flow that the packet will meet first, if it
// is one to be found.
func (w *Worker) firstTuple(ev *Event) bool {
	if w.pkt.Parse(ev.Frame) != packet.NoFault {
		return false
	}
	var a *Attachment
	var d conntrack.Direction
	if ev.Hook.comesIn() {
		if a = w.rs.links.find(ev.In).attachment; a != nil {
			d = a.inward
		}
	}
	if a == nil && ev.Hook.goesOut() {
		if a = w.rs.links.find(ev.Out).attachment; a != nil {
			d = a.inward.Reverse()
		}
	}
	return a != nil && flowTuple(&w.tuple, a, ev.Hook, d, &w.pkt)
}
