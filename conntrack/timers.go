package conntrack

import "time"

// Time is a point on a monotonic clock, in nanoseconds since an epoch that the caller
// chooses. It is never negative. The table reads no clock of its own.
type Time int64

// Add returns t+d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Timeouts are the idle timers that an interface may set. The policy checks the ranges
// that AWS allows (§3.3), this package does not.
//
// They are given with every packet, so a changed timer applies to a flow at its next
// packet (T20), and a shorter one sooner by [Table.Shorten]. With a zero timer a flow
// expires at once: start from [DefaultTimeouts].
type Timeouts struct {
	Established time.Duration
	// HalfClosed holds once one side has ended and the other has acknowledged that: the
	// other one may send for as long as it likes.
	HalfClosed time.Duration
	// UDP holds for one direction and for one request with its response.
	UDP time.Duration
	// UDPStream holds from the second response on.
	UDPStream time.Duration
}

// DefaultTimeouts are the defaults of AWS (§3.3, T14). It documents none for a
// connection that is half closed: see docs/decisions/half-closed.md.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		Established: 432000 * time.Second,
		HalfClosed:  3600 * time.Second,
		UDP:         30 * time.Second,
		UDPStream:   180 * time.Second,
	}
}

// Untracked returns the timers of untracked flows, see [Entry.InsertUntracked]. A
// connection is kept for longer than TCP waits between two retransmissions, which is up
// to 120 s (TCP_RTO_MAX in Linux): so that a connection that was cut is known for what it
// is while somebody still tries, and an error about one that waits passes.
func (tmo Timeouts) Untracked() Timeouts {
	tmo.Established = max(tmo.Established, TimeoutPickup)
	tmo.HalfClosed = max(tmo.HalfClosed, TimeoutPickup)
	return tmo
}

// Idle timers that cannot be configured. Those of TCP and ICMP are the kernel's
// (tcp_timeouts in net/netfilter/nf_conntrack_proto_tcp.c), because AWS does not
// document its own (§12). AWS documents the 600 s for other protocols (T10).
const (
	TimeoutSynSent  = 120 * time.Second
	TimeoutSynRecv  = 60 * time.Second
	TimeoutPickup   = 300 * time.Second // "unacknowledged" in the kernel, as the next one
	TimeoutFinWait  = 120 * time.Second
	TimeoutLastAck  = 30 * time.Second
	TimeoutTimeWait = 120 * time.Second
	TimeoutClose    = 10 * time.Second
	TimeoutQuery    = 30 * time.Second
	TimeoutOther    = 600 * time.Second
	// TimeoutUnacknowledged is the most while one side has sent what the other has not
	// acknowledged: the other one may be gone.
	TimeoutUnacknowledged = 300 * time.Second
)

// Granularity is the unit in which flows store times. A flow lives at least as long as
// its timer says and less than one Granularity longer.
const Granularity = time.Duration(1 << tickShift)

// tickShift makes a tick 2^27 ns, or 134 ms: a shift replaces a division, and 31 bits of
// ticks last for 9 years.
const tickShift = 27

// tick is a point in time in units of Granularity.
type tick uint32

// tick returns the tick that t lies in.
func (t Time) tick() tick { return tick(t >> tickShift) }

// deadline returns the first tick at which a timer of d started at t has run out.
func (t Time) deadline(d time.Duration) tick {
	return tick((t.Add(d) + (1<<tickShift - 1)) >> tickShift)
}

// time returns the start of the tick.
func (k tick) time() Time { return Time(k) << tickShift }

// idle returns the idle timer of the flow.
func (f *Flow) idle(tmo *Timeouts) time.Duration {
	d := tmo.timer(f.class, f.state)
	if f.class == ClassTCP {
		d = f.acknowledgedOrLess(d)
	}
	return d
}

// acknowledgedOrLess returns the timer d or, while one side of the connection waits for
// an acknowledgement, at most that of unacknowledged data.
func (f *Flow) acknowledgedOrLess(d time.Duration) time.Duration {
	if d > TimeoutUnacknowledged && f.flags&flagOffloaded == 0 && f.unacknowledged() {
		return TimeoutUnacknowledged
	}
	return d
}

// timer returns the idle timer of a flow of class c in state s that waits for no
// acknowledgement.
func (tmo *Timeouts) timer(c Class, s State) time.Duration {
	switch c {
	case ClassUDP:
		if s == StateStream {
			return tmo.UDPStream
		}
		return tmo.UDP
	case ClassQuery:
		return TimeoutQuery
	case ClassOther:
		return TimeoutOther
	}
	switch s {
	case StateEstablished, StateReset:
		return tmo.Established
	case StateSynSent:
		return TimeoutSynSent
	case StateSynRecv:
		return TimeoutSynRecv
	case StatePickup:
		return TimeoutPickup
	case StateFinWait:
		return TimeoutFinWait
	case StateCloseWait:
		return tmo.HalfClosed
	case StateLastAck:
		return TimeoutLastAck
	case StateTimeWait:
		return TimeoutTimeWait
	}
	return TimeoutClose
}
