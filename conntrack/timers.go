package conntrack

import "time"

// Time is a point on a monotonic clock in nanoseconds since an epoch of the
// caller's choice; it is never negative. The table reads no clock of its own.
type Time int64

// Add returns t+d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Timeouts are the idle timers that an interface may set; the ranges that AWS
// allows (§3.3) are checked by the policy, not here. They are
// given with every packet, so a changed timer applies to a flow at its next
// packet (T20), and a shorter one sooner by [Table.Shorten]. A zero timer lets the flow expire at once: start from
// [DefaultTimeouts].
type Timeouts struct {
	Established time.Duration
	// UDP holds for one direction and for one request with its response.
	UDP time.Duration
	// UDPStream holds from the second response on.
	UDPStream time.Duration
}

// DefaultTimeouts are the defaults of AWS (§3.3, T14).
func DefaultTimeouts() Timeouts {
	return Timeouts{
		Established: 432000 * time.Second,
		UDP:         30 * time.Second,
		UDPStream:   180 * time.Second,
	}
}

// Untracked returns the timers of flows that are only remembered, see
// [Entry.InsertUntracked]. A connection is remembered for longer than TCP waits
// until it sends again what was not acknowledged, which is 120 s (TCP_RTO_MAX in
// Linux): one that is cut would be another one for the table otherwise.
func (tmo Timeouts) Untracked() Timeouts {
	tmo.Established = max(tmo.Established, TimeoutPickup)
	return tmo
}

// The idle timers that nobody sets. TCP and ICMP are those of Linux, as AWS
// does not document its own (§12; kernel
// net/netfilter/nf_conntrack_proto_tcp.c tcp_timeouts); 600 s for other
// protocols is documented by AWS (T10).
const (
	TimeoutSynSent   = 120 * time.Second
	TimeoutSynRecv   = 60 * time.Second
	TimeoutPickup    = 300 * time.Second // "unacknowledged" in the kernel
	TimeoutFinWait   = 120 * time.Second
	TimeoutCloseWait = 60 * time.Second
	TimeoutLastAck   = 30 * time.Second
	TimeoutTimeWait  = 120 * time.Second
	TimeoutClose     = 10 * time.Second
	TimeoutQuery     = 30 * time.Second
	TimeoutOther     = 600 * time.Second
)

// Granularity is the unit in which flows remember times. A flow lives at least
// as long as its timer says and less than one Granularity longer.
const Granularity = time.Duration(1 << tickShift)

// tickShift makes a tick 134 ms, which takes a shift instead of a division,
// and lets 31 bits of ticks reach 9 years.
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

// timer returns the idle timer of a flow of class c in state s.
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
	case StateEstablished:
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
		return TimeoutCloseWait
	case StateLastAck:
		return TimeoutLastAck
	case StateTimeWait:
		return TimeoutTimeWait
	}
	return TimeoutClose
}
