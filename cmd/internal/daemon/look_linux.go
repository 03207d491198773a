package daemon

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/match"
)

const (
	// logBuffer is how many verdicts wait for a follower of the log.
	logBuffer = 4096
	// logPause lets verdicts collect, so that a flood costs few wake-ups.
	logPause = 10 * time.Millisecond
	// nearestShare of a second, and of an answer, goes to the search for the rules
	// that came nearest; what is beyond is shown without. The largest policies have
	// so many rules that a flood of drops would keep a core busy.
	nearestShare = 200 * time.Millisecond
	// logLossEvery is how often a follower hears what it misses.
	logLossEvery = time.Second
)

// Rules implements [control.Backend].
func (d *daemon) Rules(_ context.Context, q api.RulesQuery) (api.RulesReply, error) {
	rs := d.enforcer.Engine().Ruleset()
	if q.Group != "" {
		var err error
		if q.Group, err = explain.GroupNamed(rs, q.Group); err != nil {
			return api.RulesReply{}, question(err)
		}
	}
	hits := d.enforcer.Engine().Hits(rs)
	now, wall := d.enforcer.Engine().Now(), time.Now()
	flows := make(map[match.RuleNumber]int)
	d.enforcer.Engine().Flows().Range(now, func(f conntrack.FlowInfo) bool {
		if f.State != conntrack.StateRevoked {
			flows[match.RuleNumber(f.Rule)]++
		}
		return true
	})
	p := rs.Policy()
	attached := make(map[string]bool)
	for i := range p.Interfaces {
		for _, name := range p.Interfaces[i].Groups {
			attached[name] = true
		}
	}
	place := make(map[string]int)
	for i := range p.Groups {
		place[p.Groups[i].Name] = i
	}

	reply := api.RulesReply{Generation: rs.Generation(), Since: d.started.UTC(),
		Rules: []api.RuleHits{}}
	for id, info := range rs.Rules() {
		switch {
		case q.Group != "" && info.Group != q.Group,
			q.Unused && (info.Gone || hits[id].Packets > 0),
			info.Gone && flows[id] == 0:
			continue
		}
		r := api.RuleHits{
			RuleRef: *explain.Rule(p.IDs, info), Attached: !info.Gone && attached[info.Group],
			Hits: hits[id].Packets, Flows: flows[id],
		}
		if r.Hits > 0 {
			at := wall.Add(-now.Sub(hits[id].Last)).UTC()
			r.LastHit = &at
		}
		reply.Rules = append(reply.Rules, r)
	}
	// As the file has them, and behind them what is gone.
	slices.SortStableFunc(reply.Rules, func(a, b api.RuleHits) int {
		gone := func(r *api.RuleHits) int {
			if r.Gone {
				return 1
			}
			return 0
		}
		return cmp.Or(gone(&a)-gone(&b), cmp.Compare(place[a.Group], place[b.Group]),
			strings.Compare(a.Group, b.Group),
			-strings.Compare(a.Direction, b.Direction), cmp.Compare(a.Index, b.Index))
	})
	return reply, nil
}

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
	scribe := explain.NewRecorder(rs)
	line := func(r *filter.Record) api.LogRecord {
		rs := d.enforcer.Engine().Ruleset()
		if scribe.Ruleset() != rs {
			scribe = explain.NewRecorder(rs)
		}
		doc := scribe.Record(r, time.Now().Add(-d.enforcer.Engine().Now().Sub(r.Time)))
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
		for i := len(records) - 1; i >= 0; i-- { // the latest first: they matter most
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
	allowed := newAllowance(q.Rate, time.Now())
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
			n := allowed.take(len(records), time.Now())
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

// question is the failure of a question about what is not there.
func question(err error) error { return failure(fmt.Errorf("%w: %w", explain.ErrQuestion, err)) }

// allowance grants so many items a second, and at most as many at once.
type allowance struct {
	rate  float64 // 0: no bound
	saved float64
	last  time.Time
}

func newAllowance(rate int, now time.Time) *allowance {
	return &allowance{rate: float64(rate), saved: float64(rate), last: now}
}

// take returns how many of n items are granted now.
func (a *allowance) take(n int, now time.Time) int {
	if a.rate == 0 {
		return n
	}
	a.saved = min(a.rate, a.saved+a.rate*now.Sub(a.last).Seconds())
	a.last = now
	n = min(n, int(a.saved))
	a.saved -= float64(n)
	return n
}
