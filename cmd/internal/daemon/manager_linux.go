package daemon

import (
	"context"
	"fmt"
	"strings"
)

// serviceManager is what the daemon tells systemd.
type serviceManager struct {
	notifier
	// changed wakes the task that tells the status line.
	changed chan struct{}
}

// changing tells the service manager that a reload has begun.
func (d *daemon) changing() { d.logNotify(d.manager.reloading()) }

// changed tells the service manager that a reload is over, and what is in force.
func (d *daemon) changed() { d.logNotify(d.manager.ready(d.line())) }

// tellManager tells the service manager the status line each time it is another one.
func (d *daemon) tellManager(ctx context.Context) error {
	told := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.manager.changed:
		}
		if line := d.line(); line != told {
			told = line
			d.logNotify(d.manager.status(line))
		}
	}
}

// degraded says what is not as the policy wants it.
func (d *daemon) degraded() []string {
	out := d.enforcer.Degraded()
	if why := d.file.whyUnwatched(); why != "" {
		out = append(out, why)
	}
	if queues := d.watchdog.unserved.Load(); queues != nil {
		out = append(out, fmt.Sprintf("the verdict loops of queues %v stand still", *queues))
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
