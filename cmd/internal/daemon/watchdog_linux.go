package daemon

import (
	"context"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"sgfw/filter/nfqueue"
)

// beatsPerDeadline is how often within the service manager's patience the
// queues are looked at: once more than sd_watchdog_enabled(3) advises, since
// an idle queue may need one look to come round.
const beatsPerDeadline = 4

// pulse tells from the queues' own counters whether each is served. No task
// that only keeps time can feed the watchdog: what feeds it is verdict loops
// that go round.
type pulse struct {
	queues []nfqueue.Queue
	// passes are those of the last beat.
	passes []uint64
}

func newPulse(queues []nfqueue.Queue) *pulse {
	p := &pulse{queues: queues, passes: make([]uint64, len(queues))}
	for i, q := range queues {
		p.passes[i] = q.Stats().Heartbeats
	}
	return p
}

// beat returns which queues, counted from 0, stood still since the last beat;
// none is a beat.
func (p *pulse) beat() (still []int) {
	now := make([]uint64, len(p.queues))
	for i, q := range p.queues {
		now[i] = q.Stats().Heartbeats
		if now[i] == p.passes[i] {
			still = append(still, i)
		}
	}
	if still == nil {
		p.passes = now
	}
	return still
}

// watchdogPatience reads WATCHDOG_USEC, within which the service manager wants
// to hear from the process WATCHDOG_PID, and removes both from the environment
// as sd_watchdog_enabled(3) does. It is 0 where nobody waits for this process.
func watchdogPatience() time.Duration {
	usec, pid := os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	os.Unsetenv("WATCHDOG_USEC")
	os.Unsetenv("WATCHDOG_PID")
	if pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	n, err := strconv.ParseUint(usec, 10, 32)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

// unattended is how long a queue may stand still where no service manager waits.
const unattended = 10 * time.Second

// watchdog is the state of looking after the queues.
type watchdog struct {
	// patience is within what time the service manager wants to hear from us, 0 where
	// nobody waits.
	patience time.Duration
	// unserved are the numbers of queues whose loops stand still, nil for none.
	unserved atomic.Pointer[[]uint16]
}

// silence is how long queues may stand still until that is a failure: one look may be too
// early for an idle queue, and another one may be late.
func (w *watchdog) silence() time.Duration {
	patience := w.patience
	if patience == 0 {
		patience = unattended
	}
	return patience/2 + nfqueue.IdleInterval
}

// watch looks after the queues. While every one is served it feeds the
// service manager's watchdog, if there is one. A queue that stands still is
// logged when it begins and when it ends, and makes the state degraded; what
// becomes of it is up to the service manager.
func (d *daemon) watch(ctx context.Context) error {
	patience, feed := d.watchdog.patience, d.manager.alive
	if patience == 0 {
		patience, feed = unattended, func() error { return nil }
	}
	if patience < 4*nfqueue.IdleInterval {
		d.log.Warn("the service manager's watchdog is shorter than an idle queue needs",
			"watchdog", patience, "least", 4*nfqueue.IdleInterval)
	}
	p := newPulse(d.enforcer.Queues())
	t := time.NewTicker(patience / beatsPerDeadline)
	defer t.Stop()
	for missed := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		still := p.beat()
		if len(still) == 0 {
			d.enforcer.Served()
			if missed = 0; d.watchdog.unserved.Swap(nil) != nil {
				wake(d.manager.changed)
				d.log.Info("every queue is served again")
			}
			d.logNotify(feed())
			continue
		}
		if missed++; missed != beatsPerDeadline/2 {
			continue
		}
		numbers := make([]uint16, len(still))
		for i, q := range still {
			numbers[i] = d.enforcer.QueueBase() + uint16(q)
		}
		d.watchdog.unserved.Store(&numbers)
		d.enforcer.Unserved()
		wake(d.manager.changed)
		d.log.Error("a verdict loop stands still: packets wait", "queues", numbers)
	}
}
