package enforce

import (
	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/conntrack"
	"sgfw/filter"
)

// Revoke ends the selected flows that are not revoked yet, and lists them. Those that
// are not tracked it only counts: rules alone decide about their packets.
func (e *Enforcer) Revoke(s *explain.Selection) api.Revoked {
	defer func() {
		// A verdict from before that is still under way would give a flow to the kernel again.
		e.engine.Settle()
		e.judgeAgain()
		e.keepFlows() // also if the daemon is killed now
	}()
	return e.end(s, e.engine.Flows().Revoke)
}

// WouldRevoke lists what Revoke would end.
func (e *Enforcer) WouldRevoke(s *explain.Selection) api.Revoked {
	return e.end(s, func(*conntrack.FlowInfo, conntrack.Time) bool { return true })
}

func (e *Enforcer) end(
	s *explain.Selection, end func(*conntrack.FlowInfo, conntrack.Time) bool,
) api.Revoked {
	out := api.Revoked{Flows: []api.Flow{}}
	now := e.engine.Now()
	e.engine.Flows().Range(now, func(f conntrack.FlowInfo) bool {
		if f.State == conntrack.StateRevoked || !s.Has(&f) {
			return true
		}
		if f.Untracked {
			out.Untracked++
			return true
		}
		if !end(&f, now) {
			return true
		}
		out.Count++
		if s.Standing(&f) == filter.StandingPermitted {
			out.Permitted++
		}
		if len(out.Flows) < api.MaxListed {
			out.Flows = append(out.Flows, s.Flow(&f, now))
		}
		return true
	})
	return out
}

// orphaned selects the live flows that no rule of a ruleset permits.
func orphaned(rs *filter.Ruleset) *explain.Selection {
	s, err := explain.Select(api.FlowQuery{Orphans: true}, rs)
	if err != nil {
		panic(err) // the query is ours
	}
	return s
}

// orphans lists the live flows that no rule of a ruleset permits.
func (e *Enforcer) orphans(rs *filter.Ruleset) api.Orphans {
	all := e.WouldRevoke(orphaned(rs))
	return api.Orphans{Count: all.Count, Flows: all.Flows}
}

// revokeOrphans ends the flows that no rule in force permits; the caller holds mu.
func (e *Enforcer) revokeOrphans() *api.Revoked {
	out := e.Revoke(orphaned(e.mu.force.current.rs))
	e.log.Info("orphans revoked", "count", out.Count)
	return &out
}

// cut lists the flows that a change from one ruleset to another ends, without
// connections that have ended by themselves: untracked ones that rules permitted
// until then, those that no packet can belong to any more, and those that a network ACL
// stops.
func (e *Enforcer) cut(from, to *filter.Ruleset) api.Orphans {
	out := api.Orphans{Flows: []api.Flow{}}
	s, err := explain.Select(api.FlowQuery{}, to)
	if err != nil {
		panic(err) // the query is ours
	}
	before, now := from.Review(), e.engine.Now()
	e.engine.Flows().Range(now, func(f conntrack.FlowInfo) bool {
		is := s.Standing(&f)
		if f.State.Closed() || is != filter.StandingCut && is != filter.StandingDenied {
			return true
		}
		switch was := before.Standing(&f); {
		case f.Untracked && was != filter.StandingPermitted, was == filter.StandingCut,
			was == filter.StandingDenied:
			return true
		}
		if is == filter.StandingDenied {
			out.Denied++
		}
		if out.Count++; len(out.Flows) < api.MaxListed {
			out.Flows = append(out.Flows, s.Flow(&f, now))
		}
		return true
	})
	return out
}
