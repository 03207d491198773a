package daemon

import (
	"cmp"
	"context"
	"slices"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/filter"
)

const (
	// logBuffer is how many verdicts are buffered for a follower of the log.
	logBuffer = 4096
	// logPause lets verdicts collect: one wake-up for many under a flood.
	logPause = 10 * time.Millisecond
	// nearestShare bounds the search for the nearest rules: so much of every second
	// of a followed log, or of one reply. Later records are sent without nearest
	// rules. Under a flood of drops a large policy would keep a core busy.
	nearestShare = 200 * time.Millisecond
	// logLossEvery is how often a follower is told how many records it lost.
	logLossEvery = time.Second
)

// Log implements [control.Backend].
func (d *daemon) Log(ctx context.Context, q api.LogQuery, begin func() error,
	send func([]api.LogRecord) error) error {
	sel, err := explain.SelectVerdicts(q)
	if err != nil {
		return failure(err)
	}
	rs := d.enforcer.Engine().Ruleset()
	if q.Group != "" {
		if sel.Group, err = explain.GroupNamed(rs, q.Group); err != nil {
			return question(err)
		}
	}
	var devices []string
	for _, a := range rs.Attachments() {
		devices = append(devices, a.Device)
	}
	if sel.Device, err = explain.DeviceNamed(rs.Policy(), devices, q.Interface); err != nil {
		return question(err)
	}
	searched := time.Duration(0)
	recorder := explain.NewRecorder(rs)
	line := func(r *filter.Record) api.LogRecord {
		rs := d.enforcer.Engine().Ruleset()
		if recorder.Ruleset() != rs {
			recorder = explain.NewRecorder(rs)
		}
		doc := recorder.Record(r, time.Now().Add(-d.enforcer.Engine().Now().Sub(r.Time)))
		if searched < nearestShare {
			began := time.Now()
			doc.Nearest = explain.Nearest(rs, r)
			searched += time.Since(began)
		}
		return doc
	}
	if !q.Follow {
		records := d.enforcer.Engine().Recent(
			cmp.Or(q.Limit, len(d.enforcer.Queues())*filter.RecentDrops), sel)
		lines := make([]api.LogRecord, len(records))
		for i := len(records) - 1; i >= 0; i-- { // the newest get their nearest rules first
			lines[i] = line(&records[i])
		}
		if err := begin(); err != nil {
			return err
		}
		return send(lines)
	}

	w := d.enforcer.Engine().Watch(logBuffer, sel)
	defer w.Close()
	if err := begin(); err != nil {
		return err
	}
	t := time.NewTicker(logLossEvery)
	defer t.Stop()
	var (
		records []filter.Record
		lines   []api.LogRecord
		lost    api.LogLoss
	)
	limiter := newRateLimiter(q.Rate, time.Now())
	for {
		lines = lines[:0]
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			searched = 0
			if lost != (api.LogLoss{}) {
				now := lost
				lines = append(lines, api.LogRecord{Type: api.LogLost, Time: time.Now().UTC(), Lost: &now})
				lost = api.LogLoss{}
			}
		case <-w.Ready():
			time.Sleep(logPause)
			var overflow uint64
			records, overflow = w.Take(records[:0])
			lost.Buffer += overflow
			slices.SortStableFunc(records,
				func(a, b filter.Record) int { return cmp.Compare(a.Time, b.Time) })
			n := limiter.take(len(records), time.Now())
			lost.Rate += uint64(len(records) - n)
			for i := range records[:n] {
				lines = append(lines, line(&records[i]))
			}
		}
		if len(lines) == 0 {
			continue
		}
		if err := send(lines); err != nil {
			return err
		}
	}
}
