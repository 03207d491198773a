package filter

import "sync/atomic"

// Exceeded counts the packets that a full flow table cost the device: what AWS
// calls conntrack_allowance_exceeded (T31). It goes on through
// reloads, and begins anew with a device that was away for long.
func (a *Attachment) Exceeded() uint64 { return a.exceeded.Load() }

// refusals are packets in a row that found no room at one device. They are counted
// together: under a flood the counter would be fought for by all workers.
type refusals struct {
	at *atomic.Uint64
	n  uint64
}

// refuse notes a packet of the device.
func (r *refusals) refuse(a *Attachment) {
	if r.at != a.exceeded {
		r.count()
		r.at = a.exceeded
	}
	r.n++
}

// count adds what was noted to the counter.
func (r *refusals) count() {
	if r.n > 0 {
		r.at.Add(r.n)
		*r = refusals{}
	}
}
