package filter

import (
	"sync/atomic"
	"time"
)

// handover is how a worker and whoever collects its traffic hand ledgers to each other. A
// ledger belongs to whoever took it: nobody waits, and nothing is written that another one
// reads.
type handover struct {
	// open is the ledger that the worker writes to; nil while it is in a batch.
	open atomic.Pointer[ledger]
	// full is one that the worker has handed over, spare an empty one for it.
	full, spare atomic.Pointer[ledger]
	// asked has the worker hand over what it has at the end of its batch.
	asked atomic.Bool
}

func newHandover() *handover {
	h := new(handover)
	h.open.Store(newLedger())
	h.spare.Store(newLedger())
	return h
}

// takeLedger takes the worker's ledger for a batch.
func (w *Worker) takeLedger() {
	h := w.handovers.Load()
	if h == w.handover && w.ledger != nil {
		return // the batch before ended in a panic
	}
	if w.handover, w.ledger = h, nil; h != nil {
		w.ledger = h.open.Swap(nil)
	}
}

// returnLedger gives the ledger back, or hands it over where it is half full or was asked for.
func (w *Worker) returnLedger() {
	h, l := w.handover, w.ledger
	w.handover, w.ledger = nil, nil
	if l.used >= ledgerHalf || h.asked.Load() {
		if spare := h.spare.Swap(nil); spare != nil {
			h.asked.Store(false)
			h.full.Store(l)
			l = spare
			select {
			case w.engine.due <- struct{}{}:
			default: // somebody was told already
			}
		}
	}
	h.open.Store(l)
}

// Accounting is what an engine keeps account of for one flow log.
type Accounting struct{ engine *Engine }

// Account has all workers keep account of what they judge from now on. There is one
// accounting at a time; Close ends it.
func (e *Engine) Account() *Accounting {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.accounting = true
	for _, w := range e.workers {
		w.handovers.Store(newHandover())
	}
	return &Accounting{e}
}

// Due has a value when a worker has handed over so much that it should be collected soon.
func (a *Accounting) Due() <-chan struct{} { return a.engine.due }

// collectTries and collectPause bound how long Collect waits for a worker that is in a
// batch, which is much shorter.
const (
	collectTries = 200
	collectPause = 50 * time.Microsecond
)

// Collect calls visit with the traffic, and missed with what found no room, since the last
// call. The same traffic comes once for each worker that saw it, and more than once under
// load. What it is given is not kept. No packet waits for it. A worker that stays in one
// batch for longer is left for the next call. One goroutine calls it at a time.
func (a *Accounting) Collect(visit func(*Traffic), missed func(Unrecorded)) {
	a.engine.mu.Lock()
	handovers := make([]*handover, 0, len(a.engine.workers))
	for _, w := range a.engine.workers {
		if h := w.handovers.Load(); h != nil {
			handovers = append(handovers, h)
		}
	}
	a.engine.mu.Unlock()
	for _, h := range handovers {
		h.collect(visit, missed)
	}
}

// Close ends the accounting and collects what is left.
func (a *Accounting) Close(visit func(*Traffic), missed func(Unrecorded)) {
	e := a.engine
	e.mu.Lock()
	e.accounting = false
	var handovers []*handover
	for _, w := range e.workers {
		if h := w.handovers.Swap(nil); h != nil {
			handovers = append(handovers, h)
		}
	}
	e.waitForWorkers()
	e.mu.Unlock()
	for _, h := range handovers {
		h.collect(visit, missed)
	}
}

func (h *handover) collect(visit func(*Traffic), missed func(Unrecorded)) {
	h.take(h.full.Swap(nil), visit, missed)
	h.asked.Store(true)
	for range collectTries {
		if l := h.full.Swap(nil); l != nil {
			h.take(l, visit, missed)
			return
		}
		if spare := h.spare.Swap(nil); spare != nil {
			if l := h.open.Load(); l != nil && h.open.CompareAndSwap(l, spare) {
				h.asked.Store(false)
				h.take(l, visit, missed)
				return
			}
			h.spare.Store(spare)
		}
		time.Sleep(collectPause)
	}
}

// take reads a ledger that belongs to the caller and puts it back, empty.
func (h *handover) take(l *ledger, visit func(*Traffic), missed func(Unrecorded)) {
	if l == nil {
		return
	}
	l.traffic(visit)
	for _, u := range l.full[:l.fulls] {
		if u.Packets+u.Bytes > 0 {
			missed(u)
		}
	}
	l.clear()
	h.spare.Store(l)
}
