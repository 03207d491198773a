package filter

import (
	"slices"
	"sync"
	"sync/atomic"

	"sgfw/conntrack"
	"sgfw/filter/packet"
)

// Record is one verdict as a watcher sees it.
type Record struct {
	Time conntrack.Time
	// Tuple is seen from the machine that the crossing protects. Without a crossing
	// that decided (Verdict.Scope is 0), Local is the packet's destination.
	Tuple   conntrack.Tuple
	Verdict Verdict
	// Kind is what the packet carries. It means nothing, and neither does Tuple,
	// when Parsed is false.
	Kind packet.Kind
	// ICMPType and ICMPCode are those of the packet if it was ICMP.
	ICMPType, ICMPCode uint8
	// Flags are those of the packet if it was TCP.
	Flags conntrack.TCPFlags
	// Length is the packet's length in bytes.
	Length uint32
	// Count is how many equal drops of one batch the record stands for: it is the first.
	Count uint32
	// Index is the interface index of the crossing that decided.
	Index uint32
	// Device is the managed device of that crossing and Groups are those attached
	// to it; "" and nil when it is not managed.
	Device string
	Groups []string
}

// Parsed reports whether the packet's headers could be read.
func (r *Record) Parsed() bool { return !r.Verdict.Reason.IsFault() }

// ReasonSet is a set of reasons.
type ReasonSet uint64

// ReasonsOf returns the set of some reasons.
func ReasonsOf(reasons ...Reason) (s ReasonSet) {
	for _, r := range reasons {
		s |= 1 << r
	}
	return s
}

// Has reports whether r is in the set.
func (s ReasonSet) Has(r Reason) bool { return s>>r&1 != 0 }

const (
	accepting ReasonSet = 1<<(ReasonExemptTime+1) - 1<<ReasonFlow // see Reason.Accepts
	// Dropping is every reason that drops, Everything every reason there is.
	Dropping   = ^accepting
	Everything = ^ReasonSet(0)
)

// watch hands records to watchers. A record that none wants costs the packet path one
// test of a bit. It never delays a packet: what does not fit into a
// watcher's buffer is counted as lost.
type watch struct {
	// wanted is the union of what the watchers select by reason.
	wanted   atomic.Uint64
	watchers atomic.Pointer[[]*Watcher] // never changed, only replaced
	// lost is what all readers, also those that are gone, found no room for.
	lost atomic.Uint64

	mu sync.Mutex // orders the replacements
}

// replace puts another list of watchers in place; the caller holds mu.
func (h *watch) replace(list []*Watcher) {
	var all ReasonSet
	for _, w := range list {
		all |= w.selection.Reasons
	}
	h.watchers.Store(&list)
	h.wanted.Store(uint64(all))
}

// list returns the watchers.
func (h *watch) list() []*Watcher {
	if p := h.watchers.Load(); p != nil {
		return *p
	}
	return nil
}

// Watcher receives verdicts until it is closed. Its methods may be called from
// any goroutine.
type Watcher struct {
	engine    *Engine
	selection Selection
	ready     chan struct{}
	// losses is where those of all readers are counted, nil for none of them.
	losses *atomic.Uint64

	mu   sync.Mutex // guards what follows
	buf  []Record   // never grows beyond its capacity
	lost uint64
	// taken is the other buffer, as large: what Take returned last.
	taken []Record
}

// Watch starts to deliver the verdicts that sel selects into a buffer of size
// records. What finds no room there is in [Engine.WatchLosses].
func (e *Engine) Watch(size int, sel Selection) *Watcher {
	return e.watchBy(size, sel, &e.watch.lost)
}

// Remember is Watch for the program's own memory: nobody waits for what it misses, which
// Take alone tells.
func (e *Engine) Remember(size int, sel Selection) *Watcher { return e.watchBy(size, sel, nil) }

func (e *Engine) watchBy(size int, sel Selection, losses *atomic.Uint64) *Watcher {
	w := &Watcher{engine: e, selection: sel, ready: make(chan struct{}, 1), losses: losses,
		buf: make([]Record, 0, size), taken: make([]Record, 0, size)}
	h := &e.watch
	h.mu.Lock()
	defer h.mu.Unlock()
	h.replace(append(slices.Clone(h.list()), w))
	return w
}

// Ready has a value when there is something to take, or was.
func (w *Watcher) Ready() <-chan struct{} { return w.ready }

// Take returns the records that have arrived, in the order of each queue, and how many
// verdicts did not fit into the buffer, or into the budget of a batch, since the last call: of
// the latter only the reason is known. The records are the caller's
// until the next call. No packet waits while they are copied, for they are not.
func (w *Watcher) Take() (records []Record, lost uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lost, w.lost = w.lost, 0
	w.buf, w.taken = w.taken[:0], w.buf
	return w.taken, lost
}

// WatchLosses returns how many verdicts watchers wanted and found no room for since the engine
// was made. One that two of them missed counts twice; those of [Engine.Remember] do not count.
func (e *Engine) WatchLosses() uint64 { return e.watch.lost.Load() }

// Close stops the delivery, but for a batch that is under way. What has arrived
// can still be taken.
func (w *Watcher) Close() {
	h := &w.engine.watch
	h.mu.Lock()
	defer h.mu.Unlock()
	h.replace(slices.DeleteFunc(slices.Clone(h.list()), func(o *Watcher) bool { return o == w }))
}

// deliver gives the batch's records to the watchers that select them.
func (w *Worker) deliver() {
	for _, to := range w.engine.watch.list() {
		w.selected = w.selected[:0]
		for i := range w.records {
			if to.selection.Matches(w.rs, &w.records[i]) {
				w.selected = append(w.selected, w.records[i])
			}
		}
		if missed := w.budget.of(to.selection.Reasons); missed > 0 || len(w.selected) > 0 {
			to.put(w.selected, missed)
		}
	}
}

// put buffers records as far as there is room, and counts those that nobody made.
func (w *Watcher) put(records []Record, missed uint64) {
	w.mu.Lock()
	room := min(cap(w.buf)-len(w.buf), len(records))
	w.buf = append(w.buf, records[:room]...)
	for i := range records[room:] {
		missed += uint64(records[room+i].Count)
	}
	w.lost += missed
	w.mu.Unlock()
	if missed > 0 && w.losses != nil {
		w.losses.Add(missed)
	}
	select {
	case w.ready <- struct{}{}:
	default:
	}
}
