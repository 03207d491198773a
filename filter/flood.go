package filter

import (
	"time"

	"sgfw/conntrack"
)

const (
	// maxOfBatch is how many drops of one batch are recorded while nobody watches.
	maxOfBatch = 8
	// maxSpare is how many drops are recorded at once that are like others before them, and
	// spareEvery is the pause after which it is one more: 10,000 a second. A flood's packets
	// are much alike, and a record costs as much as refusing a packet does.
	maxSpare = 1024
	// maxPassing is the same for what passes, which has an allowance of its own: a flood of
	// drops hides no new connection, and what passes hides no drop.
	maxPassing = maxSpare / 2
	spareEvery = conntrack.Time(100 * time.Microsecond)
	// newOfBatch is how many drops of one batch are recorded whatever came before, if they are
	// of a kind of their own, as the one that matters amid a flood.
	newOfBatch = 2
	// kinds is how many kinds are known, and kindBits its logarithm.
	kindBits = 4
	kinds    = 1 << kindBits
)

// flood tells which drops of a worker are recorded: of many that come at once not all.
type flood struct {
	known   [kinds]uint64 // latest kinds, each at its place
	free    int           // how many more of this batch are recorded that are of another one
	spare   int           // how many more are of any
	passing int           // how many more are that pass, while somebody watches
	since   conntrack.Time
}

// full grants all at once.
func (f *flood) full() { f.spare, f.passing = maxSpare, maxPassing }

// tick begins a batch and grants what time has brought.
func (f *flood) tick(now conntrack.Time) {
	f.free = newOfBatch
	if n := (now - f.since) / spareEvery; n > 0 {
		f.spare = int(min(conntrack.Time(f.spare)+n, maxSpare))
		f.passing = int(min(conntrack.Time(f.passing)+n, maxPassing))
		f.since += n * spareEvery
	}
}

// admits reports whether a packet that passes for r is recorded, as one more of a batch that
// recorded n.
func (f *flood) admits(r Reason, n int) bool {
	if r == ReasonFlow && (n >= passingOfBatch/2 || f.passing <= maxPassing/2) {
		return false // the rest is for new connections
	}
	if n >= passingOfBatch || f.passing == 0 {
		return false
	}
	f.passing--
	return true
}

// passes reports whether a drop of a kind is recorded.
func (f *flood) passes(kind uint64) bool {
	at := &f.known[kind*0x9e3779b97f4a7c15>>(64-kindBits)]
	switch {
	case *at != kind && f.free > 0:
		f.free--
	case f.spare > 0:
		f.spare--
	default:
		return false
	}
	*at = kind
	return true
}

// worth reports whether a packet that is dropped for r is to be recorded.
func (w *Worker) worth(r Reason) bool {
	p := &w.pkt
	// Of the ports the lower one is the service's, as a rule.
	return w.flood.passes(1<<63 | uint64(r)<<32 | uint64(p.Proto)<<24 | uint64(p.ICMPType)<<16 |
		uint64(min(p.SrcPort, p.DstPort)))
}
