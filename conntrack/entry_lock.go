package conntrack

import (
	"runtime"
	"sync/atomic"
)

// lockHeld is the top bit of an entry's lock word: whoever works on the flow has
// set it. The other bits are the tick at which the flow expires, 0 in a free
// entry. One load therefore tells a reader of the index whether to leave an entry
// alone.
const lockHeld = 1 << 31

// deadline returns the tick at which the flow expires.
func (f *Flow) deadline() tick { return tick(atomic.LoadUint32(&f.lockWord) &^ lockHeld) }

// expired reports whether the flow's timer has run out; it is true for a free entry.
func (f *Flow) expired(now Time) bool { return now.tick() >= f.deadline() }

// tryLock takes the entry lock if it is free.
func (f *Flow) tryLock() bool {
	w := atomic.LoadUint32(&f.lockWord)
	return w&lockHeld == 0 && atomic.CompareAndSwapUint32(&f.lockWord, w, w|lockHeld)
}

// tryLockLive takes the entry lock if it is free and the flow has not expired.
// As a signed number a locked word is negative, so one comparison tells both.
func (f *Flow) tryLockLive(now tick) bool {
	w := atomic.LoadUint32(&f.lockWord)
	return int32(now) < int32(w) && atomic.CompareAndSwapUint32(&f.lockWord, w, w|lockHeld)
}

// lockLive waits for the entry lock and takes it, unless the flow has expired by
// then.
func (f *Flow) lockLive(now tick) bool {
	for spins := 1; ; spins++ {
		if w := atomic.LoadUint32(&f.lockWord); w&lockHeld == 0 {
			if now >= tick(w) {
				return false
			}
			if atomic.CompareAndSwapUint32(&f.lockWord, w, w|lockHeld) {
				return true
			}
		}
		if spins%128 == 0 {
			runtime.Gosched() // the holder may need this processor to go on
		}
	}
}

// lockUnused takes the lock of a free entry, for which nobody else competes.
func (f *Flow) lockUnused() { atomic.StoreUint32(&f.lockWord, lockHeld) }

// unlock releases the entry lock.
func (f *Flow) unlock() {
	atomic.StoreUint32(&f.lockWord, atomic.LoadUint32(&f.lockWord)&^lockHeld)
}

// unlockUnused releases the entry lock and marks the entry free.
func (f *Flow) unlockUnused() { atomic.StoreUint32(&f.lockWord, 0) }

// setDeadline changes when the flow expires. The caller holds the entry lock.
// Nothing is written when the tick stays the same, which is so for most packets of
// a busy flow.
func (f *Flow) setDeadline(d tick) {
	if w := uint32(max(d, 1))&^lockHeld | lockHeld; w != atomic.LoadUint32(&f.lockWord) {
		atomic.StoreUint32(&f.lockWord, w)
	}
}
