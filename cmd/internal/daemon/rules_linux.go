package daemon

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/conntrack"
	"sgfw/filter/match"
)

// Rules implements [control.Backend].
func (d *daemon) Rules(_ context.Context, q api.RulesQuery) (api.RulesReply, error) {
	d.enforcer.Refresh()
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

	since := d.enforcer.CountedSince(d.started).UTC()
	reply := api.RulesReply{Generation: rs.Generation(), Since: since, Rules: []api.RuleHits{}}
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
