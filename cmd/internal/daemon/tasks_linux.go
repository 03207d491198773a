package daemon

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// tasks are goroutines that end together. The zero value has none.
type tasks struct {
	wg sync.WaitGroup
	mu sync.Mutex
	// running has their names; guarded by mu.
	running map[string]bool
}

// begin runs a task; its name is its own.
func (t *tasks) begin(name string, f func()) {
	t.mu.Lock()
	if t.running == nil {
		t.running = make(map[string]bool)
	}
	t.running[name] = true
	t.mu.Unlock()
	t.wg.Go(func() {
		defer func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			delete(t.running, name)
		}()
		f()
	})
}

// wait returns when all have ended, or after a time the names of those that have not,
// in order.
func (t *tasks) wait(patience time.Duration) (late []string) {
	ended := make(chan struct{})
	go func() {
		t.wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(patience):
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.running))
}
