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
	"sgfw/policy"
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
	attached, acls := make(map[string]bool), make(map[string]bool)
	for i := range p.Interfaces {
		for _, name := range p.Interfaces[i].Groups {
			attached[name] = true
		}
		acls[p.Interfaces[i].NetworkACL] = true
	}

	since := d.enforcer.CountedSince(d.started).UTC()
	reply := api.RulesReply{Generation: rs.Generation(), Since: since, Rules: []api.RuleHits{}}
	for id, info := range rs.Rules() {
		switch {
		case info.Group+info.ACL == "", q.Group != "" && info.Group != q.Group,
			q.Unused && (info.Gone || hits[id].Packets > 0),
			info.Gone && flows[id] == 0: // as every rule of a network ACL
			continue
		}
		r := api.RuleHits{
			RuleRef: *explain.Rule(p.IDs, info), Attached: !info.Gone && (attached[info.Group] ||
				info.ACL != "" && acls[info.ACL]),
			Hits: hits[id].Packets, Flows: flows[id],
		}
		if r.Hits > 0 {
			at := wall.Add(-now.Sub(hits[id].Last)).UTC()
			r.LastHit = &at
		}
		reply.Rules = append(reply.Rules, r)
	}
	slices.SortStableFunc(reply.Rules, orderIn(p))
	return reply, nil
}

// orderIn compares rules: as the file has them, groups before network ACLs, and behind them
// what is gone.
func orderIn(p *policy.Policy) func(a, b api.RuleHits) int {
	groups, acls := make(map[string]int), make(map[string]int)
	for i := range p.Groups {
		groups[p.Groups[i].Name] = i
	}
	for i := range p.NetworkACLs {
		acls[p.NetworkACLs[i].Name] = i
	}
	after := func(yes bool) int {
		if yes {
			return 1
		}
		return 0
	}
	return func(a, b api.RuleHits) int {
		return cmp.Or(after(a.Gone)-after(b.Gone), after(a.Group == "")-after(b.Group == ""),
			cmp.Compare(groups[a.Group], groups[b.Group]), strings.Compare(a.Group, b.Group),
			cmp.Compare(acls[a.NetworkACL], acls[b.NetworkACL]),
			-strings.Compare(a.Direction, b.Direction), cmp.Compare(a.Index, b.Index),
			cmp.Compare(a.Number, b.Number))
	}
}
