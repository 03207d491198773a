package conntrack

import (
	"sync"
	"testing"
)

// TestSeekChangesNothing: prefetching flows that exist, that do not, and that come and go
// meanwhile leaves the table as it is.
func TestSeekChangesNothing(t *testing.T) {
	const n = 2000
	table := NewTable(Config{MaxFlows: n, Seed: [2]uint64{1, 2}})
	ts := manyTuples(2 * n)
	for i := range n {
		establish(t, table, &ts[i], 0)
	}
	before := table.Stats()
	if allocs := testing.AllocsPerRun(1, func() {
		for i := range ts {
			table.Fetch(table.Seek(&ts[i]))
		}
	}); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
	if after := table.Stats(); after != before {
		t.Errorf("hints turned %+v into %+v", before, after)
	}
	for i := range n {
		e := table.Lock(&ts[i], 0)
		if e.Flow() == nil {
			t.Errorf("flow %d is gone", i)
		}
		e.Unlock()
	}

	busy := NewTable(Config{MaxFlows: n, Seed: [2]uint64{1, 2}})
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				for i := range ts {
					busy.Fetch(busy.Seek(&ts[i]))
				}
			}
		}
	})
	for i := range n {
		establish(t, busy, &ts[i], 0)
		if i%3 == 0 && !busy.Delete(&ts[i], 0) {
			t.Fatalf("flow %d cannot be deleted", i)
		}
	}
	close(done)
	wg.Wait()
}
