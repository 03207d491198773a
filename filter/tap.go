package filter

import (
	"slices"
	"sync"

	"sgfw/conntrack"
)

// MaxSnap is how many bytes of a packet a tap takes at most: all headers that are judged.
const MaxSnap = 512

// stageSize is how many packets a worker notes before it tells the taps.
const stageSize = 64

// Sight is one packet as a tap sees it: the verdict with all that it was given by, but for the
// rules and the flow.
type Sight struct {
	Record
	// In, Out, Hook and Bridged are those of the event, Info that of its frame.
	In, Out uint32
	Hook    Hook
	Bridged bool
	Info    uint32
	// Bytes is the packet from its IP header on, as far as the tap takes it. Record.Length is 0
	// for one that could not be read; Length is then that of the frame.
	Bytes []byte
	// Before and After are the states of the flow at the crossing that decided, 0 for none.
	Before, After conntrack.State
	// Generation is the ruleset that decided.
	Generation uint64
}

// stage is what a worker has noted of this batch. Its room never grows.
type stage struct {
	list          []Sight
	bytes         [stageSize * MaxSnap]byte
	before, after conntrack.State
}

func newStage() *stage { return &stage{list: make([]Sight, 0, stageSize)} }

// Tap receives packets with their verdicts until it is closed: each one that its selection
// is for, unlike a [Watcher], which a batch has a budget for. That costs the packet path a
// copy of the headers, and nothing while there is no tap. Its methods may be called from any
// goroutine.
type Tap struct {
	engine    *Engine
	selection Selection
	snap      int
	ready     chan struct{}

	mu         sync.Mutex // guards what follows
	buf, taken sights
	lost       uint64
}

// sights is a buffer of packets, which never grows beyond its capacity.
type sights struct {
	list  []Sight
	bytes []byte
}

func newSights(size, snap int) sights {
	return sights{make([]Sight, 0, size), make([]byte, 0, size*snap)}
}

// Tap starts to deliver what sel selects into a buffer of size packets, each with at most snap
// bytes, at most [MaxSnap].
func (e *Engine) Tap(size, snap int, sel Selection) *Tap {
	snap = min(max(snap, 0), MaxSnap)
	t := &Tap{engine: e, selection: sel, snap: snap, ready: make(chan struct{}, 1),
		buf: newSights(size, snap), taken: newSights(size, snap)}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range e.workers { // which look at it once there are taps
		if w.stage == nil {
			w.stage = newStage()
		}
	}
	e.replaceTaps(append(slices.Clone(e.tapped()), t))
	return t
}

// tapped is the list of taps.
func (e *Engine) tapped() []*Tap {
	if p := e.taps.Load(); p != nil {
		return *p
	}
	return nil
}

// replaceTaps puts another list in place; the caller holds mu.
func (e *Engine) replaceTaps(list []*Tap) {
	if len(list) == 0 {
		e.taps.Store(nil)
		return
	}
	e.taps.Store(&list)
}

// Ready has a value when there is something to take, or was.
func (t *Tap) Ready() <-chan struct{} { return t.ready }

// Take returns the packets that have arrived, in the order of each queue, and how many did
// not fit into the buffer since the last call. They are the caller's until the next one.
func (t *Tap) Take() (list []Sight, lost uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lost, t.lost = t.lost, 0
	t.taken.list, t.taken.bytes = t.taken.list[:0], t.taken.bytes[:0]
	t.buf, t.taken = t.taken, t.buf
	return t.taken.list, lost
}

// Close stops the delivery, but for a batch that is under way. What has arrived can still
// be taken.
func (t *Tap) Close() {
	e := t.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	e.replaceTaps(slices.DeleteFunc(slices.Clone(e.tapped()), func(o *Tap) bool { return o == t }))
}

// stateOf is the state of the flow of an entry, 0 for none.
func stateOf(c *conntrack.Entry) conntrack.State {
	if f := c.Flow(); f != nil {
		return f.State()
	}
	return 0
}

// see notes the latest packet for the taps.
func (w *Worker) see(ev *Event) {
	s := w.seen
	if len(s.list) == stageSize {
		w.tell()
	}
	at := len(s.list)
	s.list = s.list[:at+1]
	x := &s.list[at]
	*x = Sight{In: ev.In, Out: ev.Out, Hook: ev.Hook, Bridged: ev.Bridged, Info: ev.Frame.Info,
		Before: s.before, After: s.after, Generation: w.rs.generation}
	s.before, s.after = 0, 0
	w.describe(&x.Record, ev)
	if !x.Parsed() {
		x.Length = max(ev.Frame.Length, uint32(len(ev.Frame.Bytes)))
	}
	room := s.bytes[at*MaxSnap : (at+1)*MaxSnap]
	x.Bytes = room[:copy(room, ev.Frame.Bytes)]
}

// tell gives what was noted to the taps.
func (w *Worker) tell() {
	for _, t := range w.engine.tapped() {
		t.put(w.rs, w.seen.list)
	}
	w.seen.list = w.seen.list[:0]
}

// put buffers what is selected as far as there is room.
func (t *Tap) put(rs *Ruleset, list []Sight) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range list {
		x := &list[i]
		if !t.selection.Matches(rs, &x.Record) {
			continue
		}
		if len(t.buf.list) == cap(t.buf.list) {
			t.lost++
			continue
		}
		t.buf.list = append(t.buf.list, *x)
		begin := len(t.buf.bytes)
		t.buf.bytes = append(t.buf.bytes, x.Bytes[:min(len(x.Bytes), t.snap)]...)
		t.buf.list[len(t.buf.list)-1].Bytes = t.buf.bytes[begin:len(t.buf.bytes):len(t.buf.bytes)]
	}
	select {
	case t.ready <- struct{}{}:
	default:
	}
}
