package nfqueue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// IdleInterval is how long a queue waits for packets before it asks the kernel
// whether it still exists.
const IdleInterval = 500 * time.Millisecond

const (
	// drainInterval is how long a queue must be silent to count as drained.
	drainInterval = 20 * time.Millisecond
	// drainPatience is after how many silent drainIntervals in a row the
	// packets still waiting are given up.
	drainPatience = 10
)

// phase is how far a turn has come. It only grows.
type phase uint32

const (
	phaseServing phase = iota
	phaseDraining
	phaseStopping
)

// turn is one Run, or one Drain without a Run.
type turn struct {
	phase atomic.Uint32
	// done is closed when the turn is over; err may be read then.
	done chan struct{}
	err  error
}

func (t *turn) now() phase { return phase(t.phase.Load()) }

// advance brings the turn to p unless it is further already.
func (t *turn) advance(p phase) {
	for {
		old := t.phase.Load()
		if old >= uint32(p) || t.phase.CompareAndSwap(old, uint32(p)) {
			return
		}
	}
}

// turns lets one turn at a time serve a queue and orders Run, Drain and Close.
// The zero value is ready.
type turns struct {
	mu      sync.Mutex
	current *turn
	closed  bool
}

// serve runs loop as one turn and calls wake when ctx ends it. While the queue is
// being drained it waits for that instead.
func (s *turns) serve(ctx context.Context, first phase, wake func(), loop func(*turn) error) error {
	t := &turn{done: make(chan struct{})}
	t.phase.Store(uint32(first))
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return ErrClosed
	case s.current != nil:
		other := s.current
		s.mu.Unlock()
		if other.now() != phaseDraining {
			return ErrBusy
		}
		// The Drain that is to end this turn came before it.
		<-other.done
		return other.err
	}
	s.current = t
	s.mu.Unlock()

	defer func() {
		s.mu.Lock()
		s.current = nil
		s.mu.Unlock()
		close(t.done)
	}()
	unhook := context.AfterFunc(ctx, func() {
		t.advance(phaseStopping)
		s.awake(wake)
	})
	defer unhook()
	t.err = loop(t)
	return t.err
}

// drain brings the turn under way to its end. If there is none, or if it was
// stopped before it was drained, drain serves a turn itself.
func (s *turns) drain(ctx context.Context, wake func(), loop func(*turn) error) error {
	for {
		s.mu.Lock()
		t := s.current
		s.mu.Unlock()
		if t == nil {
			switch err := s.serve(ctx, phaseDraining, wake, loop); {
			case errors.Is(err, ErrBusy):
				continue // a Run came first: that is the turn to end
			case err != nil:
				return err
			}
			return ctx.Err()
		}
		t.advance(phaseDraining)
		s.awake(wake)
		select {
		case <-t.done:
			if t.err != nil || t.now() == phaseDraining {
				return t.err
			}
		case <-ctx.Done():
			t.advance(phaseStopping)
			s.awake(wake)
			<-t.done
			return ctx.Err()
		}
	}
}

// close ends the turn under way and reports whether this call is the one that
// has to release what the queue holds.
func (s *turns) close(wake func()) bool {
	s.mu.Lock()
	t, first := s.current, !s.closed
	s.closed = true
	s.mu.Unlock()
	if t != nil {
		t.advance(phaseStopping)
		if first {
			// Not by awake: the descriptor stays open until t is done.
			wake()
		}
		<-t.done
	}
	return first
}

// awake calls wake unless the queue has been closed, after which the
// descriptor that wake would use may belong to somebody else.
func (s *turns) awake(wake func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		wake()
	}
}

// drained says whether a queue is done after its silent'th interval without a
// message while waiting packets had no verdict.
func drained(waiting uint32, silent int) (bool, error) {
	switch {
	case waiting == 0:
		return true, nil
	case silent < drainPatience:
		return false, nil
	}
	return true, fmt.Errorf("%w: %d", ErrStranded, waiting)
}
