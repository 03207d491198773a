package nfqueue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
)

// Set is several queues with successive numbers, as a rule with a queue range
// feeds them. It is a [Queue] itself.
type Set struct {
	queues []Queue
}

var _ Queue = (*Set)(nil)

// OpenSet binds one queue for each handler, from cfg.Queue on. When one cannot be
// bound, none is: the error names it.
func OpenSet(d Driver, cfg Config, handlers ...Handler) (*Set, error) {
	if len(handlers) == 0 {
		return nil, errors.New("nfqueue: a set of no queues")
	}
	if last := int(cfg.Queue) + len(handlers) - 1; last > math.MaxUint16 {
		return nil, fmt.Errorf("nfqueue: queues %d to %d: the highest number is %d", cfg.Queue, last, math.MaxUint16)
	}
	s := new(Set)
	for i, h := range handlers {
		c := cfg
		c.Queue += uint16(i)
		q, err := Open(d, c, h)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.queues = append(s.queues, q)
	}
	return s, nil
}

// Run serves every queue on a goroutine of its own. The first that fails ends
// the others: their rules share one hook, and half a set would leave some
// flows without verdicts.
func (s *Set) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return s.each(func(q Queue) error {
		err := q.Run(ctx)
		if err != nil {
			cancel()
		}
		return err
	})
}

// Drain drains all queues at once.
func (s *Set) Drain(ctx context.Context) error {
	return s.each(func(q Queue) error { return q.Drain(ctx) })
}

// Stats returns the sums over all queues.
func (s *Set) Stats() Stats {
	var sum Stats
	for _, q := range s.queues {
		sum = sum.Add(q.Stats())
	}
	return sum
}

// Queues returns the queues in the order of their numbers.
func (s *Set) Queues() []Queue { return slices.Clone(s.queues) }

// Close closes all queues.
func (s *Set) Close() error {
	return s.each(func(q Queue) error { return q.Close() })
}

// each calls do for every queue at once and joins the errors.
func (s *Set) each(do func(Queue) error) error {
	errs := make([]error, len(s.queues))
	var wg sync.WaitGroup
	for i, q := range s.queues {
		wg.Go(func() { errs[i] = do(q) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
