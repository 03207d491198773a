package enforce

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sgfw/filter/nfqueue"
)

const (
	// rebindEvery is the pause between two tries to bind a queue again. The first
	// one comes at once.
	rebindEvery = 250 * time.Millisecond
	// rebindPatience is how long binding may fail before the run ends. A queue that
	// another program has is waited for as long as it takes.
	rebindPatience = 5 * time.Second
)

// queue is one queue of the range for the life of the daemon: when the kernel's
// is taken away, unbound or broken, another one is bound in its place, with the
// same worker. It is a [nfqueue.Queue] itself.
type queue struct {
	number uint16
	bind   func() (nfqueue.Queue, error)
	// changed hears that the queue was lost, that it could not be bound at once,
	// and that it is bound again. It is called by Run's goroutine.
	changed func(*queue, queueChange, error)

	// over is closed by the order to end.
	over chan struct{}
	once sync.Once

	mu sync.Mutex
	// bound is the queue in the kernel, or the last one if lost says why it is gone.
	bound nfqueue.Queue
	lost  error
	// missing is true from the first time that it could not be bound again.
	missing bool
	// past is what those before counted, losses how many they were.
	past   nfqueue.Stats
	losses uint64
}

// queueChange is what became of a queue.
type queueChange uint8

const (
	queueLost    queueChange = iota // it is being bound again
	queueMissing                    // that failed, and is tried again
	queueBound                      // it is there again
)

var _ nfqueue.Queue = (*queue)(nil)

// newQueue binds a queue.
func newQueue(number uint16, bind func() (nfqueue.Queue, error),
	changed func(*queue, queueChange, error)) (*queue, error) {
	q := &queue{number: number, bind: bind, changed: changed, over: make(chan struct{})}
	var err error
	q.bound, err = bind()
	return q, err
}

// Run serves the queue, whatever the kernel has of it, until it is drained or
// closed (nil) or cannot be bound again.
func (q *queue) Run(ctx context.Context) error {
	for {
		q.mu.Lock()
		now := q.bound
		q.mu.Unlock()
		err := now.Run(ctx)
		if err == nil || q.ended(ctx) {
			return nil
		}
		if err := q.again(ctx, err); err != nil {
			return err
		}
	}
}

func (q *queue) ended(ctx context.Context) bool {
	select {
	case <-q.over:
		return true
	default:
		return ctx.Err() != nil
	}
}

// again binds the queue anew after it was lost.
func (q *queue) again(ctx context.Context, cause error) error {
	q.mu.Lock()
	q.lost = cause
	q.losses++
	old := q.bound
	q.mu.Unlock()
	q.changed(q, queueLost, cause)
	// Unless it is closed it may be in the way of its successor. What it counted
	// stays readable.
	_ = old.Close()

	for since := time.Now(); ; {
		next, err := q.bind()
		if err == nil {
			if !q.take(next) {
				return next.Close()
			}
			q.changed(q, queueBound, nil)
			return nil
		}
		if q.wait(err) {
			q.changed(q, queueMissing, err)
		}
		if errors.Is(err, nfqueue.ErrOwned) {
			since = time.Now()
		} else if time.Since(since) > rebindPatience {
			return fmt.Errorf("%w; it was lost: %w", err, cause)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-q.over:
			return nil
		case <-time.After(rebindEvery):
		}
	}
}

// wait notes why the queue cannot be bound and tells whether that is new.
func (q *queue) wait(why error) (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	first = !q.missing
	q.lost, q.missing = why, true
	// Who waits for a queue goes round, too.
	q.past.Heartbeats++
	return first
}

// take puts a queue in the place of the lost one. It refuses when the end has
// been ordered meanwhile.
func (q *queue) take(next nfqueue.Queue) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-q.over:
		return false
	default:
	}
	q.past = q.past.Add(q.bound.Stats())
	q.bound, q.lost, q.missing = next, nil, false
	return true
}

// end lets no queue be bound any more and returns the one that is, nil if it is
// lost.
func (q *queue) end() nfqueue.Queue {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.once.Do(func() { close(q.over) })
	if q.lost != nil {
		return nil
	}
	return q.bound
}

// Drain implements [nfqueue.Queue]. Nothing waits in a queue that is lost.
func (q *queue) Drain(ctx context.Context) error {
	now := q.end()
	if now == nil {
		return nil
	}
	if err := now.Drain(ctx); !errors.Is(err, nfqueue.ErrGone) {
		return err
	}
	return nil
}

// Close implements [nfqueue.Queue].
func (q *queue) Close() error {
	if now := q.end(); now != nil {
		return now.Close()
	}
	return nil
}

// Stats returns what the queue and those before it have counted.
func (q *queue) Stats() nfqueue.Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.past.Add(q.bound.Stats())
}

// lossCount returns how often the queue was lost.
func (q *queue) lossCount() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.losses
}

// unbindable says why the queue cannot be bound again, nil unless that was tried.
func (q *queue) unbindable() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.missing {
		return nil
	}
	return q.lost
}
