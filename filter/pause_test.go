package filter

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestPause: while something changes that verdicts and the kernel have to agree on no batch
// is under way, and batches go on afterwards.
func TestPause(t *testing.T) {
	b := newBench(t, onePolicy())
	var inside, batches atomic.Int64
	var over atomic.Bool
	var loops sync.WaitGroup
	for range 4 {
		w := b.NewWorker()
		loops.Go(func() {
			for !over.Load() {
				w.Begin()
				inside.Add(1)
				time.Sleep(50 * time.Microsecond)
				inside.Add(-1)
				w.End()
				batches.Add(1)
			}
		})
	}
	for range 50 {
		b.Pause(func() {
			before := batches.Load()
			time.Sleep(500 * time.Microsecond)
			// A batch that had ended may still be counted late: once for each loop.
			if n := inside.Load(); n != 0 || batches.Load() > before+4 {
				t.Errorf("%d batches are under way, %d ended", n, batches.Load()-before)
			}
		})
		for before := batches.Load(); batches.Load() < before+4; {
			time.Sleep(50 * time.Microsecond)
		}
	}
	over.Store(true)
	loops.Wait()
}
