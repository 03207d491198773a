package keep

import (
	"cmp"
	"slices"
	"time"

	"sgfw/conntrack"
)

// Numbers gives the names of a file the numbers of this process.
type Numbers struct {
	// Scope is false for one that is not there any more.
	Scope func(ID) (conntrack.Scope, bool)
	// Rule returns 0 for one that is not there any more: its flows go on.
	Rule func(ID) uint32
}

// Result is what became of the flows of a file, by cause.
type Result struct {
	// Restored are in the table.
	Restored int
	// Over had timers that ran out meanwhile.
	Over int
	// Gone are of devices, or scopes, that are not there any more as they were.
	Gone int
	// Impossible are no flows, or of times that cannot be.
	Impossible int
	// Full found no room in the table.
	Full int
	// Replaced had the tuple of a younger one, or made room for others in a full table.
	Replaced int
	// Damaged is how many blocks of the file were no more what was written: each has up to
	// [conntrack.SlabFlows] flows.
	Damaged int
}

// Left is how many flows were left out that lived.
func (r Result) Left() int { return r.Gone + r.Impossible + r.Full }

// Restore puts the flows into a table, in the order of their ages, which is that of
// eviction, and returns what became of them, and the counters. Where packets may have passed
// since they were written, their TCP numbers prove less.
func (k *Kept) Restore(t *conntrack.Table, c Clocks, by Numbers) (Result, []Counter) {
	out := Result{Damaged: k.Damaged, Impossible: k.Impossible}
	offset := int64(c.Boot) - int64(c.Table)
	live := k.flows[:0]
	for i := range k.flows {
		f := &k.flows[i]
		scope, there := by.Scope(f.scope)
		if !there {
			out.Gone++
			continue
		}
		f.image.Move(scope, by.Rule(f.rule), later(f.offset, offset))
		if k.Ending != EndingShut {
			f.image.Missed()
		}
		live = append(live, *f)
	}
	order := make([]uint32, len(live))
	ages := make([]conntrack.Time, len(live))
	for i := range live {
		order[i], ages[i] = uint32(i), live[i].image.Info().Created
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(ages[a], ages[b]), cmp.Compare(live[a].pass, live[b].pass))
	})
	before := t.Len() + t.Untracked()
	for _, i := range order {
		switch t.Restore(&live[i].image, live[i].lane, c.Table) {
		case conntrack.Restored:
			out.Restored++
		case conntrack.RestoreOver:
			out.Over++
		case conntrack.RestoreFuture:
			out.Impossible++
		case conntrack.RestoreFull:
			out.Full++
		}
	}
	// What was replaced or evicted by a later one is not there.
	lost := out.Restored - (t.Len() + t.Untracked() - before)
	out.Restored -= lost
	out.Replaced = lost
	var counters []Counter
	for _, n := range k.counters {
		if n.Last != 0 {
			n.Last = max(0, min(n.Last.Add(later(n.offset, offset)), c.Table))
		}
		counters = append(counters, n.Counter)
	}
	return out, counters
}

// later is by how much the table's clock is ahead of the one that a block is of.
func later(from, to int64) time.Duration { return time.Duration(from - to) }
