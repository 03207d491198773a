package enforce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/filter"
	"sgfw/filter/nfqueue"
	"sgfw/filter/offload"
	"sgfw/policy"
)

const (
	// drainTimeout bounds how long an ordered stop waits for verdicts.
	drainTimeout = 10 * time.Second
	// How often and after which pauses settle looks at the queues.
	settleLooks = 50
	settlePause = time.Millisecond
)

// queueRange is the queues of a daemon. What it is made of cannot change while the
// daemon lives.
type queueRange struct {
	base     uint16
	count    int
	balance  policy.Balance
	busyPoll time.Duration
	driver   policy.QueueDriver
	marks    *offload.Agreed
	// overloaded is what the kernel does with what finds a queue full.
	overloaded policy.FailAction
	queues     []*queue
}

// newQueueRange is the range that the settings ask for. A driver that is not empty
// overrides theirs.
func newQueueRange(s policy.Settings, driver policy.QueueDriver) queueRange {
	r := queueRange{
		base: s.QueueBase, count: s.QueueCount, balance: s.QueueBalance,
		busyPoll: s.QueueBusyPoll, driver: s.QueueDriver, marks: new(offload.Agreed),
	}
	if r.count == 0 {
		r.count = min(runtime.NumCPU(), policy.MaxQueues)
	}
	if driver != "" {
		r.driver = driver
	}
	return r
}

// bind opens the queues, each with a worker of the engine.
func (r *queueRange) bind(e *filter.Engine, changed func(*queue, queueChange, error)) error {
	for i := range r.count {
		cfg := nfqueue.Config{Queue: r.base + uint16(i), BusyPoll: r.busyPoll, Marks: r.marks,
			Overloaded: r.overloaded}
		if r.balance == policy.BalancePinned {
			// The kernel sends packets of CPU n to queue n modulo count.
			cfg.Affinity = nfqueue.OnCPU(i % runtime.NumCPU())
		}
		w := e.NewWorker()
		open := func() (nfqueue.Queue, error) { return nfqueue.Open(r.driver, cfg, w) }
		q, err := newQueue(cfg.Queue, open, changed)
		if err != nil {
			return err
		}
		r.queues = append(r.queues, q)
	}
	return nil
}

// serve runs a loop for each queue; failed hears of one that cannot go on.
func (r *queueRange) serve(failed func(error)) {
	for _, q := range r.queues {
		go func() {
			if err := q.Run(context.Background()); err != nil {
				failed(fmt.Errorf("queue %d: %w", q.number, err))
			}
		}()
	}
}

// settle waits until no packet that was queued before is left, or so long that
// none can be: a busy queue is never empty, but its packets wait for a fraction
// of a millisecond.
func (r *queueRange) settle() {
	last := r.base + uint16(len(r.queues)) - 1
	for range settleLooks {
		// First of all for packets that were between the rules and the queue.
		time.Sleep(settlePause)
		kernel, err := nfqueue.ReadKernelQueues()
		if err != nil {
			continue
		}
		if !slices.ContainsFunc(kernel, func(k nfqueue.KernelQueue) bool {
			return k.Waiting > 0 && k.Queue >= r.base && k.Queue <= last
		}) {
			return
		}
	}
}

// unbindable says of each queue that could not be bound again why not.
func (r *queueRange) unbindable() (out []string) {
	for _, q := range r.queues {
		if why := q.unbindable(); why != nil {
			out = append(out, fmt.Sprintf(
				"queue %d was lost and cannot be bound: the devices are closed: %v", q.number, why))
		}
	}
	return out
}

// drain gives every waiting packet its verdict.
func (r *queueRange) drain(log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	errs := make([]error, len(r.queues))
	var wg sync.WaitGroup
	for i, q := range r.queues {
		wg.Go(func() {
			err := q.Drain(ctx)
			if errors.Is(err, nfqueue.ErrStranded) {
				// Their messages were lost (ENOBUFS, counted): the close that
				// follows drops them, as any lost packet.
				log.Warn("packets without a verdict are dropped", "queue", q.number)
			} else if err != nil {
				errs[i] = fmt.Errorf("drain queue %d: %w", q.number, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// close closes every queue: what waits in one is dropped.
func (r *queueRange) close(log *slog.Logger) {
	for _, q := range r.queues {
		if err := q.Close(); err != nil {
			log.Warn("closing a queue failed", "error", err)
		}
	}
}

// status is the document of each queue.
func (r *queueRange) status() []api.QueueStatus {
	// Without /proc our own counters have to do.
	kernel, _ := nfqueue.ReadKernelQueues()
	out := make([]api.QueueStatus, len(r.queues))
	for i, q := range r.queues {
		st := q.Stats()
		s := api.QueueStatus{
			Number: q.number, Packets: st.Packets, Accepted: st.Accepted, Dropped: st.Dropped,
			Malformed: st.Malformed, Foreign: st.Foreign, VerdictErrors: st.VerdictErrors,
			Panics: st.Panics, Overruns: st.Overruns, Lost: q.lossCount(), Batches: batches(st),
		}
		for _, k := range kernel {
			// Whose number it is does not matter to the one that has it.
			if k.Queue == s.Number && q.unbindable() == nil {
				s.Waiting, s.KernelDropped, s.UserDropped =
					uint64(k.Waiting), uint64(k.QueueDropped), uint64(k.UserDropped)
			}
		}
		out[i] = s
	}
	return out
}

// batches is how long the batches of a queue took.
func batches(st nfqueue.Stats) api.BatchStatus {
	out := api.BatchStatus{Nanoseconds: uint64(st.Times.Sum)}
	for i, span := range nfqueue.Spans() {
		out.Count += st.Times.Within[i]
		out.Within = append(out.Within,
			api.BatchesWithin{Nanoseconds: uint64(span), Count: out.Count})
	}
	out.Count += st.Times.Within[len(out.Within)]
	return out
}
