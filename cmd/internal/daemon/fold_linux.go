package daemon

import (
	"cmp"
	"slices"

	"sgfw/filter"
)

// foldedKinds bounds how many kinds of drops a follower's lines are folded by. Others are
// lines of their own, as far as the rate permits.
const foldedKinds = 1024

// folder makes one line of equal drops: the first is shown at once, those that follow it
// once a second. It is for one goroutine.
type folder struct {
	kinds map[filter.DropKey]*filter.Drop
}

func newFolder() *folder { return &folder{make(map[filter.DropKey]*filter.Drop)} }

// takes reports whether a verdict waits for the next time that lines are due.
func (f *folder) takes(r *filter.Record) bool {
	if r.Verdict.Reason.Accepts() {
		return false
	}
	key := r.Key()
	d, known := f.kinds[key]
	if !known {
		if len(f.kinds) < foldedKinds {
			f.kinds[key] = new(filter.Drop)
		}
		return false
	}
	if d.Count == 0 {
		d.First = r.Time
	}
	d.Record = *r
	d.Count += uint64(r.Count)
	return true
}

// due are the drops that wait, in the order of their time. Kinds of which none came are
// forgotten: the next one is shown at once.
func (f *folder) due() (out []filter.Drop) {
	for key, d := range f.kinds {
		if d.Count == 0 {
			delete(f.kinds, key)
			continue
		}
		out = append(out, *d)
		d.Count = 0
	}
	slices.SortFunc(out, func(a, b filter.Drop) int { return cmp.Compare(a.Time, b.Time) })
	return out
}
