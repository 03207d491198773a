package daemon

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/metrics"
	"sgfw/policy"
)

// retryMetrics is the pause before a place for metrics that could not be had is tried again.
const retryMetrics = 5 * time.Second

// metricsServer is where metrics are to be had, and why they are not.
type metricsServer struct {
	// settings wakes the task that follows the settings: the place may be another one now.
	settings chan struct{}

	mu sync.Mutex
	// at is the place that the policy wants, "" for none; failure says why metrics cannot be had
	// there, "" if they can. Both are guarded by mu.
	at      policy.Listen
	failure string
}

// set notes where metrics should be, and what is in the way. It reports whether that is new.
func (m *metricsServer) set(at policy.Listen, failure error) (news bool) {
	why := ""
	if failure != nil {
		why = failure.Error()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	news = m.at != at || m.failure != why
	m.at, m.failure = at, why
	return news
}

// document says where metrics are, nil for nowhere.
func (m *metricsServer) document() *api.MetricsStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at == "" {
		return nil
	}
	return &api.MetricsStatus{Listen: string(m.at), Failure: m.failure}
}

// degraded says why metrics are not where the policy wants them, "" if they are.
func (m *metricsServer) degraded() string {
	d := m.document()
	if d == nil || d.Failure == "" {
		return ""
	}
	return fmt.Sprintf("nobody can read metrics at %s: %s", d.Listen, d.Failure)
}

// serveMetrics shows metrics where the policy in force wants them, also when that changes. A
// failure ends nothing and is tried again.
func (d *daemon) serveMetrics(ctx context.Context) error {
	for ctx.Err() == nil {
		at := d.enforcer.Settings().Metrics.Listen
		if at == "" {
			d.metrics.set(at, nil)
			select {
			case <-ctx.Done():
			case <-d.metrics.settings:
			}
			continue
		}
		err := d.serveMetricsAt(ctx, at)
		if err == nil {
			continue
		}
		if d.metrics.set(at, err) {
			d.log.Error("nobody can read metrics", "listen", string(at), "error", err,
				"tried_again_every", retryMetrics)
			wake(d.manager.changed)
		}
		select {
		case <-ctx.Done():
		case <-d.metrics.settings:
		case <-time.After(retryMetrics):
		}
	}
	return nil
}

// serveMetricsAt shows metrics at a place until the policy wants another one or ctx ends: nil.
func (d *daemon) serveMetricsAt(ctx context.Context, at policy.Listen) error {
	l, err := metrics.Listen(ctx, at, d.cfg.SocketGroup)
	if err != nil {
		return err
	}
	d.metrics.set(at, nil)
	d.log.Info("metrics can be read", "listen", string(at), "path", metrics.Path)
	wake(d.manager.changed)
	return d.serveMetricsOn(ctx, l, at)
}

func (d *daemon) serveMetricsOn(ctx context.Context, l net.Listener, at policy.Listen) error {
	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- metrics.Serve(serving, l, d.Status) }()
	for {
		select {
		case err := <-ended:
			return err
		case <-d.metrics.settings:
			if d.enforcer.Settings().Metrics.Listen == at {
				continue
			}
			d.log.Info("metrics cannot be read here any more", "listen", string(at))
		case <-ctx.Done():
		}
		cancel()
		return <-ended
	}
}
