package filter

import (
	"sync"
	"sync/atomic"

	"sgfw/conntrack"
)

// Record is one verdict as a watcher sees it.
type Record struct {
	Time    conntrack.Time
	Tuple   conntrack.Tuple
	Verdict Verdict
	// ICMPType and ICMPCode are those of the packet if it was ICMP.
	ICMPType, ICMPCode uint8
	// Length is the packet's length in bytes.
	Length uint32
}

// watch hands records to those who look on. Without anyone it costs the packet
// path one load a batch. It never delays a packet: what does not fit into the
// watcher's buffer is counted as lost.
type watch struct {
	on atomic.Bool

	mu   sync.Mutex // guards subs; taken by workers once a batch while on
	subs map[*Watcher]struct{}
}

// Watcher receives verdicts until it is closed.
type Watcher struct {
	engine *Engine
	ch     chan Record
	lost   atomic.Uint64
}

// Watch starts to deliver every verdict into a buffer of size records.
func (e *Engine) Watch(size int) *Watcher {
	w := &Watcher{engine: e, ch: make(chan Record, size)}
	e.watch.mu.Lock()
	defer e.watch.mu.Unlock()
	if e.watch.subs == nil {
		e.watch.subs = make(map[*Watcher]struct{})
	}
	e.watch.subs[w] = struct{}{}
	e.watch.on.Store(true)
	return w
}

// Records is where verdicts arrive. It is closed by Close.
func (w *Watcher) Records() <-chan Record { return w.ch }

// Lost counts the verdicts that did not fit into the buffer.
func (w *Watcher) Lost() uint64 { return w.lost.Load() }

// Close stops the delivery. It may be called once.
func (w *Watcher) Close() {
	h := &w.engine.watch
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subs, w)
	h.on.Store(len(h.subs) > 0)
	close(w.ch)
}

// deliver gives a batch's records to every watcher.
func (h *watch) deliver(records []Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.subs {
		for i := range records {
			select {
			case w.ch <- records[i]:
			default:
				w.lost.Add(1)
			}
		}
	}
}
