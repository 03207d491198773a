package filter

import (
	"sync/atomic"
	"time"
)

// desk is where a worker and whoever collects its traffic hand ledgers to each other. A
// ledger belongs to whoever took it: nobody waits, and nothing is written that another one
// reads.
type desk struct {
	// open is the ledger that the worker writes to; nil while it is in a batch.
	open atomic.Pointer[ledger]
	// full is one that the worker has handed over, spare an empty one for it.
	full, spare atomic.Pointer[ledger]
	// asked has the worker hand over what it has at the end of its batch.
	asked atomic.Bool
}

func newDesk() *desk {
	d := new(desk)
	d.open.Store(newLedger())
	d.spare.Store(newLedger())
	return d
}

// sit takes the worker's ledger for a batch.
func (w *Worker) sit() {
	d := w.desks.Load()
	if d == w.desk && w.ledger != nil {
		return // the batch before ended in a panic
	}
	if w.desk, w.ledger = d, nil; d != nil {
		w.ledger = d.open.Swap(nil)
	}
}

// rise gives the ledger back, or hands it over where it is half full or was asked for.
func (w *Worker) rise() {
	d, l := w.desk, w.ledger
	w.desk, w.ledger = nil, nil
	if l.used >= ledgerHalf || d.asked.Load() {
		if spare := d.spare.Swap(nil); spare != nil {
			d.asked.Store(false)
			d.full.Store(l)
			l = spare
			select {
			case w.engine.due <- struct{}{}:
			default: // somebody was told already
			}
		}
	}
	d.open.Store(l)
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
		w.desks.Store(newDesk())
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
	desks := make([]*desk, 0, len(a.engine.workers))
	for _, w := range a.engine.workers {
		if d := w.desks.Load(); d != nil {
			desks = append(desks, d)
		}
	}
	a.engine.mu.Unlock()
	for _, d := range desks {
		d.collect(visit, missed)
	}
}

// Close ends the accounting and collects what is left.
func (a *Accounting) Close(visit func(*Traffic), missed func(Unrecorded)) {
	e := a.engine
	e.mu.Lock()
	e.accounting = false
	var desks []*desk
	for _, w := range e.workers {
		if d := w.desks.Swap(nil); d != nil {
			desks = append(desks, d)
		}
	}
	e.waitForWorkers()
	e.mu.Unlock()
	for _, d := range desks {
		d.collect(visit, missed)
	}
}

func (d *desk) collect(visit func(*Traffic), missed func(Unrecorded)) {
	d.take(d.full.Swap(nil), visit, missed)
	d.asked.Store(true)
	for range collectTries {
		if l := d.full.Swap(nil); l != nil {
			d.take(l, visit, missed)
			return
		}
		if spare := d.spare.Swap(nil); spare != nil {
			if l := d.open.Load(); l != nil && d.open.CompareAndSwap(l, spare) {
				d.asked.Store(false)
				d.take(l, visit, missed)
				return
			}
			d.spare.Store(spare)
		}
		time.Sleep(collectPause)
	}
}

// take reads a ledger that belongs to the caller and puts it back, empty.
func (d *desk) take(l *ledger, visit func(*Traffic), missed func(Unrecorded)) {
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
	d.spare.Store(l)
}
