package filter

import (
	"testing"
	"time"
)

// TestSettles: Settle does not answer while a batch is under way that began before.
func TestSettles(t *testing.T) {
	b := newBench(t, onePolicy())
	b.NewWorker()
	b.Begin()
	settled := make(chan struct{})
	go func() {
		b.Settle()
		close(settled)
	}()
	select {
	case <-settled:
		t.Error("settled while a batch is under way")
	case <-time.After(50 * time.Millisecond):
	}
	b.End()
	<-settled
}
