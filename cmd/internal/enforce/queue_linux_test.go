package enforce

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"sgfw/filter/nfqueue"
)

// frailQueue is a queue that fails when the test says so.
type frailQueue struct {
	breaks chan error
	once   sync.Once
	over   chan struct{}
}

func newFrailQueue() *frailQueue {
	return &frailQueue{breaks: make(chan error, 1), over: make(chan struct{})}
}

func (q *frailQueue) Run(ctx context.Context) error {
	select {
	case err := <-q.breaks:
		return err
	case <-q.over:
		return nil
	case <-ctx.Done():
		return nil
	}
}

func (q *frailQueue) Drain(context.Context) error { return q.Close() }
func (q *frailQueue) Stats() nfqueue.Stats {
	return nfqueue.Stats{Packets: 10, Heartbeats: 1}
}
func (q *frailQueue) Close() error { q.once.Do(func() { close(q.over) }); return nil }

// binder makes frail queues, unless it has an error to return first.
type binder struct {
	mu    sync.Mutex
	made  []*frailQueue
	fails []error
}

func (b *binder) bind() (nfqueue.Queue, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.fails) > 0 {
		err := b.fails[0]
		b.fails = b.fails[1:]
		return nil, err
	}
	q := newFrailQueue()
	b.made = append(b.made, q)
	return q, nil
}

func (b *binder) failing(errs ...error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails = errs
}

// newTestQueue is a queue over frail ones and what it tells.
func newTestQueue(t *testing.T) (q *queue, b *binder, told <-chan queueChange) {
	t.Helper()
	b = &binder{}
	changes := make(chan queueChange, 100)
	q, err := newQueue(7, b.bind, func(_ *queue, c queueChange, _ error) { changes <- c })
	must(t, err)
	return q, b, changes
}

func TestALostQueueIsBoundAgain(t *testing.T) {
	q, b, told := newTestQueue(t)
	ended := make(chan error, 1)
	go func() { ended <- q.Run(t.Context()) }()
	for i := range 3 {
		b.made[i].breaks <- nfqueue.ErrGone
		if got := []queueChange{<-told, <-told}; !slices.Equal(got,
			[]queueChange{queueLost, queueBound}) {
			t.Errorf("told %v", got)
		}
		select {
		case <-b.made[i].over:
		default:
			t.Error("the lost queue is still open, in the way of the next")
		}
	}
	if n := q.lossCount(); n != 3 || q.unbindable() != nil {
		t.Errorf("%d losses, %v", n, q.unbindable())
	}
	if st := q.Stats(); st.Packets != 40 {
		t.Errorf("%+v: what the lost ones counted is forgotten", st)
	}
	must(t, q.Close())
	must(t, <-ended)
}

func TestAStolenQueueIsWaitedFor(t *testing.T) {
	q, b, told := newTestQueue(t)
	ended := make(chan error, 1)
	go func() { ended <- q.Run(t.Context()) }()
	b.failing(&nfqueue.OwnedError{Queue: 7}, &nfqueue.OwnedError{Queue: 7})
	before := q.Stats().Heartbeats
	b.made[0].breaks <- nfqueue.ErrGone
	if got := []queueChange{<-told, <-told}; !slices.Equal(got,
		[]queueChange{queueLost, queueMissing}) {
		t.Errorf("told %v", got)
	}
	if !errors.Is(q.unbindable(), nfqueue.ErrOwned) {
		t.Errorf("unbindable: %v", q.unbindable())
	}
	if got := <-told; got != queueBound || q.unbindable() != nil {
		t.Errorf("told %v, %v", got, q.unbindable())
	}
	if q.Stats().Heartbeats <= before {
		t.Error("waiting does not go round: the watchdog would end it")
	}
	must(t, q.Drain(t.Context()))
	must(t, <-ended)
}

// The end may be ordered while a queue is lost.
func TestALostQueueEnds(t *testing.T) {
	for name, end := range map[string]func(*queue, func()){
		"closed":  func(q *queue, _ func()) { _ = q.Close() },
		"drained": func(q *queue, _ func()) { _ = q.Drain(context.Background()) },
		"context": func(_ *queue, cancel func()) { cancel() },
	} {
		q, b, told := newTestQueue(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx) }()
		b.failing(slices.Repeat([]error{&nfqueue.OwnedError{}}, 1000)...)
		b.made[0].breaks <- nfqueue.ErrGone
		<-told
		<-told
		end(q, cancel)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: it does not end", name)
		}
	}
}

func TestLogLimiter(t *testing.T) {
	var m logLimiter
	now := time.Now()
	logged := 0
	var hidden uint64
	for range 100 {
		if ok, n := m.allow(now); ok {
			logged++
			hidden += n
		}
	}
	if logged != linesPerPeriod || hidden != 0 {
		t.Errorf("%d lines, %d hidden before", logged, hidden)
	}
	if n := m.unreported(now); n != 0 {
		t.Errorf("%d told before the period was over", n)
	}
	now = now.Add(logPeriod)
	if ok, n := m.allow(now); !ok || n != 100-linesPerPeriod {
		t.Errorf("the next period: %v, %d hidden before", ok, n)
	}
	if n := m.unreported(now.Add(logPeriod)); n != 0 {
		t.Errorf("%d told twice", n)
	}
}

func TestStorm(t *testing.T) {
	var s breaker
	now := time.Now()
	for i := range 20 {
		// Never more than breakerDamages-1 in a period.
		if now = now.Add(breakerPeriod / (breakerDamages - 1)); s.damaged(now) {
			t.Fatalf("a storm at damage %d", i)
		}
	}
	for range breakerDamages {
		s.damaged(now)
	}
	if !s.tripped || s.calm(now.Add(breakerPeriod-1)) || !s.calm(now.Add(breakerPeriod)) {
		t.Errorf("%+v", s)
	}
	if !s.damaged(now.Add(breakerPeriod-1)) || s.calm(now.Add(breakerPeriod)) {
		t.Error("calm too early")
	}
}
