package daemon

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// serviceManager is what the daemon tells systemd.
type serviceManager struct {
	notifier
	// changed wakes the task that tells the status line.
	changed chan struct{}

	// mu is held from finding out the status line until it is told: the last line
	// told is the latest.
	mu sync.Mutex
	// told is the status line that was told last; guarded by mu.
	told string
}

// changing tells the service manager that a reload has begun.
func (d *daemon) changing() { d.logNotify(d.manager.reloading()) }

// changed tells the service manager that a reload is over, and what is in force.
func (d *daemon) changed() {
	wake(d.flowLog.changed)
	m := &d.manager
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = d.line()
	d.logNotify(m.ready(m.told))
}

// tellManager tells the service manager the status line each time it is another one.
func (d *daemon) tellManager(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.manager.changed:
		}
		d.tellLine()
	}
}

func (d *daemon) tellLine() {
	m := &d.manager
	m.mu.Lock()
	defer m.mu.Unlock()
	if line := d.line(); line != m.told {
		m.told = line
		d.logNotify(m.status(line))
	}
}

// degraded says what is not as the policy wants it.
func (d *daemon) degraded() []string {
	out := d.enforcer.Degraded()
	if why := d.file.whyUnwatched(); why != "" {
		out = append(out, why)
	}
	if why := d.metrics.degraded(); why != "" {
		out = append(out, why)
	}
	if queues := d.watchdog.unserved.Load(); queues != nil {
		out = append(out, fmt.Sprintf("the verdict loops of queues %v stand still", *queues))
	}
	if l := d.flowLogStatus(); l != nil && l.Failure != "" {
		out = append(out, "the flow log loses records: "+l.Failure)
	}
	return out
}

// line is the state in one line, for `systemctl status`.
func (d *daemon) line() string {
	if out := d.degraded(); len(out) > 0 {
		return "degraded: " + strings.Join(out, "; ")
	}
	return d.enforcer.Line()
}

func (d *daemon) logNotify(err error) {
	if err != nil {
		d.log.Warn("cannot notify the service manager", "error", err)
	}
}
