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
	// drainAttempts is after how many silent drainIntervals in a row a drain gives
	// up the packets that still wait.
	drainAttempts = 10
)

// phase is how far a session has come. It only grows.
type phase uint32

const (
	phaseServing phase = iota
	phaseDraining
	phaseStopping
)

// session is one Run, or one Drain without a Run.
type session struct {
	phase atomic.Uint32
	// done is closed when the session is over; err may be read then.
	done chan struct{}
	err  error
}

func (s *session) now() phase { return phase(s.phase.Load()) }

// advance brings the session to p unless it is further already.
func (s *session) advance(p phase) {
	for {
		old := s.phase.Load()
		if old >= uint32(p) || s.phase.CompareAndSwap(old, uint32(p)) {
			return
		}
	}
}

// sessions lets one session at a time serve a queue and orders Run, Drain and
// Close. The zero value is ready.
type sessions struct {
	mu      sync.Mutex
	current *session
	closed  bool
}

// serve runs loop as one session and calls wake when ctx ends it. While the queue
// is being drained it waits for that instead.
func (all *sessions) serve(
	ctx context.Context, first phase, wake func(), loop func(*session) error,
) error {
	s := &session{done: make(chan struct{})}
	s.phase.Store(uint32(first))
	all.mu.Lock()
	switch {
	case all.closed:
		all.mu.Unlock()
		return ErrClosed
	case all.current != nil:
		other := all.current
		all.mu.Unlock()
		if other.now() != phaseDraining {
			return ErrBusy
		}
		// A Drain was called before this Run and would have ended it.
		<-other.done
		return other.err
	}
	all.current = s
	all.mu.Unlock()

	defer func() {
		all.mu.Lock()
		all.current = nil
		all.mu.Unlock()
		close(s.done)
	}()
	unhook := context.AfterFunc(ctx, func() {
		s.advance(phaseStopping)
		all.awake(wake)
	})
	defer unhook()
	s.err = loop(s)
	return s.err
}

// drain makes the current session drain the queue and end. If there is none, or if
// it was stopped before the queue was drained, drain runs a session of its own.
func (all *sessions) drain(ctx context.Context, wake func(), loop func(*session) error) error {
	for {
		all.mu.Lock()
		s := all.current
		all.mu.Unlock()
		if s == nil {
			switch err := all.serve(ctx, phaseDraining, wake, loop); {
			case errors.Is(err, ErrBusy):
				continue // a Run came first: drain that session
			case err != nil:
				return err
			}
			return ctx.Err()
		}
		s.advance(phaseDraining)
		all.awake(wake)
		select {
		case <-s.done:
			if s.err != nil || s.now() == phaseDraining {
				return s.err
			}
		case <-ctx.Done():
			s.advance(phaseStopping)
			all.awake(wake)
			<-s.done
			return ctx.Err()
		}
	}
}

// close ends the current session. It reports whether this call is the first, which
// has to release the queue's resources.
func (all *sessions) close(wake func()) (first bool) {
	all.mu.Lock()
	s := all.current
	first = !all.closed
	all.closed = true
	all.mu.Unlock()
	if s != nil {
		s.advance(phaseStopping)
		if first {
			// Not by awake, which no longer wakes. The descriptor is still open: it is
			// closed after s is done.
			wake()
		}
		<-s.done
	}
	return first
}

// awake calls wake unless the queue has been closed: wake's descriptor may then
// have been closed and used for another file.
func (all *sessions) awake(wake func()) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if !all.closed {
		wake()
	}
}

// drained reports whether a drain is over. waiting is how many packets have no
// verdict, silent how many intervals in a row no message came.
func drained(waiting uint32, silent int) (bool, error) {
	switch {
	case waiting == 0:
		return true, nil
	case silent < drainAttempts:
		return false, nil
	}
	return true, fmt.Errorf("%w: %d", ErrStranded, waiting)
}
