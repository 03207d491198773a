package filter

import (
	"sync/atomic"

	"sgfw/policy"
)

// withoutRoom is the reason of what rules permit and the table has no room for.
func withoutRoom(s policy.Settings) Reason {
	if s.OnTableFull == policy.FailAccept {
		return ReasonNoRoom
	}
	return ReasonTableFull
}

// Exceeded counts the packets that a full flow table cost the device: what AWS
// calls conntrack_allowance_exceeded (T31). It goes on through
// reloads, and begins anew with a device that was away for long.
func (a *Attachment) Exceeded() uint64 { return a.exceeded.Load() }

// exceededCount counts packets in a row that found no room at one device. They are
// added together: under a flood all workers would contend for the counter.
type exceededCount struct {
	at *atomic.Uint64
	n  uint64
}

// refuse notes a packet of the device.
func (r *exceededCount) refuse(a *Attachment) {
	if r.at != a.exceeded {
		r.count()
		r.at = a.exceeded
	}
	r.n++
}

// count adds what was noted to the counter.
func (r *exceededCount) count() {
	if r.n > 0 {
		r.at.Add(r.n)
		*r = exceededCount{}
	}
}
