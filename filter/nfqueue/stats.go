package nfqueue

import "sync/atomic"

// Stats are the counters of a queue since it was opened. Packets that the kernel drops itself
// are not among them, see [KernelQueue].
type Stats struct {
	// Packets counts packet messages from the kernel. Packets - Accepted - Dropped got no
	// verdict, because not even a packet ID could be read.
	Packets, Accepted, Dropped uint64
	// Malformed counts messages that could not be decoded. Those with a packet ID are also
	// counted as Dropped.
	Malformed uint64
	// UnknownAttributes counts attributes that were skipped. A newer kernel may send them.
	UnknownAttributes uint64
	// Foreign counts messages from another sender than the kernel, which were ignored.
	Foreign uint64
	// VerdictErrors counts requests that the kernel refused, mostly verdicts about packets
	// that it no longer has.
	VerdictErrors uint64
	// Overruns counts reads that returned ENOBUFS.
	Overruns uint64
	// Batches counts reads that returned messages, and Times is how long they took.
	Batches uint64
	Times   BatchTimes
	// Heartbeats counts iterations of the goroutine that serves the queue: one for each batch,
	// and at least one in every IdleInterval. If the count stands still, nobody serves the
	// queue.
	Heartbeats uint64
	// Panics counts panics of the handler. Each dropped its packet or its batch.
	Panics uint64
}

// Add returns the sums of s and o.
func (s Stats) Add(o Stats) Stats {
	return Stats{
		Packets:           s.Packets + o.Packets,
		Accepted:          s.Accepted + o.Accepted,
		Dropped:           s.Dropped + o.Dropped,
		Malformed:         s.Malformed + o.Malformed,
		UnknownAttributes: s.UnknownAttributes + o.UnknownAttributes,
		Foreign:           s.Foreign + o.Foreign,
		VerdictErrors:     s.VerdictErrors + o.VerdictErrors,
		Overruns:          s.Overruns + o.Overruns,
		Batches:           s.Batches + o.Batches,
		Times:             s.Times.add(o.Times),
		Heartbeats:        s.Heartbeats + o.Heartbeats,
		Panics:            s.Panics + o.Panics,
	}
}

// counters is Stats, shared between the goroutine that serves a queue and those that read it.
// The server counts a batch in a Stats of its own and publishes it at the end of the batch,
// so a packet costs no atomic operation. Heartbeats are counted one by one, because an idle
// server has no batch to publish.
type counters struct {
	packets, accepted, dropped, malformed, unknownAttributes atomic.Uint64
	foreign, verdictErrors, overruns, batches, panics        atomic.Uint64
	heartbeats                                               atomic.Uint64
	times                                                    batchTimes
}

func (c *counters) publish(s *Stats) {
	for _, p := range [...]struct {
		to *atomic.Uint64
		n  uint64
	}{
		{&c.packets, s.Packets},
		{&c.accepted, s.Accepted},
		{&c.dropped, s.Dropped},
		{&c.malformed, s.Malformed},
		{&c.unknownAttributes, s.UnknownAttributes},
		{&c.foreign, s.Foreign},
		{&c.verdictErrors, s.VerdictErrors},
		{&c.overruns, s.Overruns},
		{&c.batches, s.Batches},
		{&c.panics, s.Panics},
	} {
		if p.n != 0 {
			p.to.Add(p.n)
		}
	}
	c.times.publish(&s.Times)
	*s = Stats{}
}

func (c *counters) stats() Stats {
	return Stats{
		Packets:           c.packets.Load(),
		Accepted:          c.accepted.Load(),
		Dropped:           c.dropped.Load(),
		Malformed:         c.malformed.Load(),
		UnknownAttributes: c.unknownAttributes.Load(),
		Foreign:           c.foreign.Load(),
		VerdictErrors:     c.verdictErrors.Load(),
		Overruns:          c.overruns.Load(),
		Batches:           c.batches.Load(),
		Times:             c.times.load(),
		Heartbeats:        c.heartbeats.Load(),
		Panics:            c.panics.Load(),
	}
}
