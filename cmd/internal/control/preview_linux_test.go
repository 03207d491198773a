package control

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sgfw/cmd/internal/api"
)

// TestPreviewsOfReaders: readers who preview as often as they can take a quarter of the
// time, one at a time, and everybody gets a turn or is told. Who may reload does not wait
// for them.
func TestPreviewsOfReaders(t *testing.T) {
	for _, c := range []struct {
		what    string
		readers int
		takes   time.Duration
		refused bool
	}{
		{"one who loops", 1, time.Second, false},
		{"a crowd", 8, 200 * time.Millisecond, false},
		{"a crowd and a large policy", 8, 4 * time.Second, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const spell = 100 * time.Second
				var at, most atomic.Int32
				var spent atomic.Int64
				ask := preview(&fake{reload: func(q api.ReloadRequest) (api.ReloadReply, error) {
					if !q.DryRun {
						t.Error("it reloads")
					}
					most.Store(max(most.Load(), at.Add(1)))
					time.Sleep(c.takes)
					spent.Add(int64(c.takes))
					at.Add(-1)
					return api.ReloadReply{}, nil
				}})
				as := func(uid uint32) context.Context {
					return context.WithValue(t.Context(), peerKey{}, peer{uid: uid, known: true})
				}
				begun := time.Now()
				var served, refused atomic.Int32
				var wg sync.WaitGroup
				for i := range c.readers {
					wg.Go(func() {
						for time.Since(begun) < spell {
							if _, err := ask(as(54321+uint32(i)), api.ReloadRequest{}); err != nil {
								refused.Add(1)
							} else {
								served.Add(1)
							}
						}
					})
				}
				wg.Wait()
				share := float64(spent.Load()) / float64(time.Since(begun))
				if share > 0.3 || share < 0.2 {
					t.Errorf("readers' previews took %.2f of the time", share)
				}
				if most.Load() != 1 || served.Load() < 5 || (refused.Load() > 0) != c.refused {
					t.Errorf("%d at once, %d served, %d refused", most.Load(), served.Load(),
						refused.Load())
				}
				begun = time.Now()
				for range 3 {
					if _, err := ask(as(0), api.ReloadRequest{}); err != nil {
						t.Error(err)
					}
				}
				if took := time.Since(begun); took != 3*c.takes {
					t.Errorf("three previews of root took %s", took)
				}
			})
		})
	}
}
