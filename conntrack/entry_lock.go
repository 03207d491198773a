package conntrack

import (
	"runtime"
	"sync/atomic"
)

// A flow's gate is one word: the tick at which the flow runs out, 0 for a free
// entry, and above it a bit that whoever works on the flow holds. Readers of
// the index need no more than this word to leave a dead entry alone.
const gateHeld = 1 << 31

// deadline returns the tick at which the flow runs out.
func (f *Flow) deadline() tick { return tick(atomic.LoadUint32(&f.gate) &^ gateHeld) }

// expired reports whether the flow has run out; a free entry has.
func (f *Flow) expired(now Time) bool { return now.tick() >= f.deadline() }

// tryHold takes the gate if nobody has it.
func (f *Flow) tryHold() bool {
	w := atomic.LoadUint32(&f.gate)
	return w&gateHeld == 0 && atomic.CompareAndSwapUint32(&f.gate, w, w|gateHeld)
}

// tryHoldLive takes the gate if nobody has it and the flow has not run out. As a
// signed number a word that somebody holds lies before every time.
func (f *Flow) tryHoldLive(now tick) bool {
	w := atomic.LoadUint32(&f.gate)
	return int32(now) < int32(w) && atomic.CompareAndSwapUint32(&f.gate, w, w|gateHeld)
}

// await takes the gate when whoever has it gives it back, unless the flow has
// run out by then.
func (f *Flow) await(now tick) bool {
	for spins := 1; ; spins++ {
		if w := atomic.LoadUint32(&f.gate); w&gateHeld == 0 {
			if now >= tick(w) {
				return false
			}
			if atomic.CompareAndSwapUint32(&f.gate, w, w|gateHeld) {
				return true
			}
		}
		if spins%128 == 0 {
			runtime.Gosched() // its holder may be waiting for this processor
		}
	}
}

// hold takes the gate of a free entry, which nobody else takes.
func (f *Flow) hold() { atomic.StoreUint32(&f.gate, gateHeld) }

// release gives the gate back.
func (f *Flow) release() { atomic.StoreUint32(&f.gate, atomic.LoadUint32(&f.gate)&^gateHeld) }

// vacate gives the gate back and leaves the entry free.
func (f *Flow) vacate() { atomic.StoreUint32(&f.gate, 0) }

// setDeadline changes when the flow runs out. The caller holds the gate. Within
// one tick a busy flow writes nothing.
func (f *Flow) setDeadline(d tick) {
	if w := uint32(max(d, 1))&^gateHeld | gateHeld; w != atomic.LoadUint32(&f.gate) {
		atomic.StoreUint32(&f.gate, w)
	}
}
