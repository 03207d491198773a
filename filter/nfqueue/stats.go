package nfqueue

import "sync/atomic"

// Stats is what a queue has counted since it was opened. What the kernel itself
// drops never reaches a queue: see [KernelQueue].
type Stats struct {
	// Packets is the number of packet messages from the kernel, whatever
	// became of them. Packets - Accepted - Dropped got no verdict, because not
	// even a packet id could be read.
	Packets, Accepted, Dropped uint64
	// Malformed is the number of messages that could not be understood. Those
	// with a packet id are also counted as Dropped.
	Malformed uint64
	// UnknownAttributes were skipped; a newer kernel may send them.
	UnknownAttributes uint64
	// Foreign messages came from another sender than the kernel and were
	// ignored.
	Foreign uint64
	// VerdictErrors is how many requests the kernel refused, mostly verdicts
	// about packets that it no longer has.
	VerdictErrors uint64
	// Overruns is how often the socket said ENOBUFS.
	Overruns uint64
	// Batches is how many reads returned messages.
	Batches uint64
	// Heartbeats is how often the goroutine that serves the queue came round: with
	// every batch, and at least every IdleInterval while none comes. A count
	// that stands still is a queue that nobody serves.
	Heartbeats uint64
	// Panics of the handler. Each dropped its packet or its batch.
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
		Heartbeats:        s.Heartbeats + o.Heartbeats,
		Panics:            s.Panics + o.Panics,
	}
}

// counters is Stats shared between the goroutine that serves a queue and those
// that look at it. The server collects a batch in a Stats of its own and
// publishes it at the batch's end, so a packet costs no atomic operation. Heartbeats
// are counted one by one: an idle server has no batch to publish.
type counters struct {
	packets, accepted, dropped, malformed, unknownAttributes atomic.Uint64
	foreign, verdictErrors, overruns, batches, panics        atomic.Uint64
	heartbeats                                               atomic.Uint64
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
		Heartbeats:        c.heartbeats.Load(),
		Panics:            c.panics.Load(),
	}
}
