package daemon

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/conntrack"
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
	rs := d.enforcer.Engine().Ruleset()
	sel, err := explain.SelectVerdicts(q, rs)
	if err != nil {
		return failure(err)
	}
	lines := logLines{engine: d.enforcer.Engine(), recorder: explain.NewRecorder(rs)}
	if !q.Follow {
		out := lines.recent(q.Limit, sel)
		if err := begin(); err != nil {
			return err
		}
		return send(out)
	}
	return follow(ctx, &lines, sel, q.Rate, begin, send)
}

// logLines makes the lines of one log. It is for one goroutine.
type logLines struct {
	engine   *filter.Engine
	recorder *explain.Recorder
	// searched is how long nearest rules were looked for, see nearestShare.
	searched time.Duration
}

// recent are the last drops, at most so many, 0 for all that are remembered.
func (l *logLines) recent(limit int, sel filter.Selection) []api.LogRecord {
	drops := l.engine.Recent(cmp.Or(limit, math.MaxInt), sel)
	out := make([]api.LogRecord, len(drops))
	at := l.clock()
	for i := len(drops) - 1; i >= 0; i-- { // the newest get their nearest rules first
		out[i] = l.current().Drop(&drops[i], at)
		out[i].Nearest = l.nearest(&drops[i].Record)
	}
	return out
}

// verdict is the line of one verdict.
func (l *logLines) verdict(r *filter.Record) api.LogRecord {
	if r.Count > 1 {
		return l.drop(&filter.Drop{Record: *r, First: r.Time, Count: uint64(r.Count)})
	}
	out := l.current().Record(r, l.clock()(r.Time))
	out.Nearest = l.nearest(r)
	return out
}

// drop is the line of equal drops.
func (l *logLines) drop(d *filter.Drop) api.LogRecord {
	if d.Count == 1 {
		return l.verdict(&d.Record)
	}
	out := l.current().Drop(d, l.clock())
	out.Nearest = l.nearest(&d.Record)
	return out
}

// current is the recorder for the ruleset in force.
func (l *logLines) current() *explain.Recorder {
	if rs := l.engine.Ruleset(); l.recorder.Ruleset() != rs {
		l.recorder = explain.NewRecorder(rs)
	}
	return l.recorder
}

// clock tells when a moment of the engine's clock was.
func (l *logLines) clock() func(conntrack.Time) time.Time {
	wall, now := time.Now(), l.engine.Now()
	return func(t conntrack.Time) time.Time { return wall.Add(-now.Sub(t)) }
}

// nearest is the rule that came nearest to a drop, nil too where there is no time left.
func (l *logLines) nearest(r *filter.Record) *api.Miss {
	if l.searched >= nearestShare {
		return nil
	}
	began := time.Now()
	defer func() { l.searched += time.Since(began) }()
	return explain.Nearest(l.recorder.Ruleset(), r)
}

// follow sends verdicts as they happen until ctx ends, at most rate a second.
func follow(ctx context.Context, l *logLines, sel filter.Selection, rate int, begin func() error,
	send func([]api.LogRecord) error) error {
	w := l.engine.Watch(logBuffer, sel)
	defer w.Close()
	if err := begin(); err != nil {
		return err
	}
	t := time.NewTicker(logLossEvery)
	defer t.Stop()
	var (
		lines []api.LogRecord
		lost  api.LogLoss
		equal = newFolder()
	)
	limiter := newRateLimiter(rate, time.Now())
	for {
		lines = lines[:0]
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			l.searched = 0
			due := equal.due()
			n := limiter.take(len(due), time.Now())
			for i := range due {
				if i < n {
					lines = append(lines, l.drop(&due[i]))
				} else {
					lost.Rate += due[i].Count
				}
			}
			if lost != (api.LogLoss{}) {
				now := lost
				lines = append(lines, api.LogRecord{Type: api.LogLost, Time: time.Now().UTC(), Lost: &now})
				lost = api.LogLoss{}
			}
		case <-w.Ready():
			time.Sleep(logPause)
			records, overflow := w.Take()
			lost.Buffer += overflow
			slices.SortStableFunc(records,
				func(a, b filter.Record) int { return cmp.Compare(a.Time, b.Time) })
			records = slices.DeleteFunc(records, func(r filter.Record) bool { return equal.takes(&r) })
			n := limiter.take(len(records), time.Now())
			for i := range records {
				if i < n {
					lines = append(lines, l.verdict(&records[i]))
				} else {
					lost.Rate += uint64(records[i].Count)
				}
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
