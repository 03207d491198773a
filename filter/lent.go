package filter

import (
	"sync/atomic"
	"time"

	"sgfw/conntrack"
)

// This file shares the kernel's sets among devices, as the flow table is (T30): what one
// device opens fills its own part and the common one, and leaves that of the others. The
// kernel does not say whose an element is and evicts none. But it holds each for a known
// time, so it is enough to know what was given to it lately.

// Room is what the kernel has for the flows of one [conntrack.Carriage], in each family.
type Room struct {
	// Flows is how many it carries at a time; 0 means that nobody counts.
	Flows int
	// Lifetime is how long it carries one.
	Lifetime time.Duration
}

// Rooms are those of all carriages.
type Rooms [conntrack.CarryProven + 1]Room

// lentSlices is how many slices of time a lifetime has. A flow is counted for up to one
// slice longer than it is carried.
const lentSlices = 16

// window counts what was given away within a lifetime. The zero value has given nothing.
type window struct {
	limit atomic.Int64
	sum   atomic.Int64
	slice atomic.Int64 // the number of the latest one
	given [lentSlices + 1]atomic.Int64
}

// take counts one more, unless that would be more than the limit. Workers that do so at the
// same moment may exceed it by one each.
func (w *window) take(now conntrack.Time, lifetime time.Duration) bool {
	at := w.advance(int64(now) / max(1, int64(lifetime)/lentSlices))
	if w.sum.Load() >= w.limit.Load() {
		return false
	}
	w.given[at%int64(len(w.given))].Add(1)
	w.sum.Add(1)
	return true
}

// advance forgets what is older than a lifetime in slice n, and returns the latest slice.
func (w *window) advance(n int64) int64 {
	for {
		at := w.slice.Load()
		if at >= n {
			return at
		}
		next := max(at+1, n-lentSlices)
		if w.slice.CompareAndSwap(at, next) {
			w.sum.Add(-w.given[next%int64(len(w.given))].Swap(0))
		}
	}
}

// lent is what was given to the kernel of flows that one device opened, or of those beyond
// the guarantees, by family and carriage.
type lent [2][conntrack.CarryProven + 1]window

// divideRooms gives each device of a ruleset the part of each room that it has of the table.
func (e *Engine) divideRooms(rs *Ruleset) {
	limit, rooms := e.flows.Limit(), e.rooms.Load()
	var guaranteed [conntrack.CarryProven + 1]int64
	rs.eachGuarantee(limit, func(a *Attachment, flows int) {
		for k, r := range rooms {
			n := int64(r.Flows) * int64(flows) / int64(limit)
			guaranteed[k] += n
			for f := range a.lent {
				a.lent[f][k].limit.Store(n)
			}
		}
	})
	for k, r := range rooms {
		for f := range e.common {
			e.common[f][k].limit.Store(int64(r.Flows) - guaranteed[k])
		}
	}
}

// ShareRooms has devices share other rooms from now on.
func (e *Engine) ShareRooms(rooms Rooms) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rooms.Store(&rooms)
	e.divideRooms(e.ruleset.Load())
}

// charge notes whose part of the rooms the flow of the packet takes: that of the device which
// its opener is behind, or else, where the machine itself or an unmanaged device opened it,
// of the one that it crosses.
func (w *Worker) charge(a *Attachment, f *conntrack.Flow) {
	if w.charged == nil || f.Opener() == a.inward {
		w.charged = a
	}
}

// lend counts the flow of the packet as one that the kernel carries, if there is room for it.
func (w *Worker) lend() {
	e, k := w.engine, w.carriage
	r, f := e.rooms.Load()[k], family(w.pkt.Src)
	if r.Flows == 0 || w.charged.lent[f][k].take(w.now, r.Lifetime) ||
		e.common[f][k].take(w.now, r.Lifetime) {
		return
	}
	w.carriage = conntrack.CarryNone
	e.carried.refused.Add(1)
}

// NoRoom returns how many times a flow was not given to the kernel, because its device had
// its share there.
func (e *Engine) NoRoom() uint64 { return e.carried.refused.Load() }
