package daemon

import (
	"context"
	"fmt"
	"net/netip"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/conntrack"
	"sgfw/filter"
)

// selection understands a query under the rules in force.
func (d *daemon) selection(q api.FlowQuery) (*explain.Selection, error) {
	s, err := explain.Select(q, d.engine.Ruleset())
	if err != nil {
		return nil, failure(err)
	}
	return s, nil
}

// Flows implements [control.Backend].
func (d *daemon) Flows(ctx context.Context, q api.FlowQuery, begin func(api.FlowsHeader) error, each func(api.Flow) error) error {
	s, err := d.selection(q)
	if err != nil {
		return err
	}
	table, now := d.engine.Flows(), d.engine.Now()
	if err := begin(api.FlowsHeader{Live: table.Len(), Untracked: table.Untracked()}); err != nil {
		return err
	}
	n := 0
	table.Range(now, func(f conntrack.FlowInfo) bool {
		if !s.Has(&f) {
			return true
		}
		if q.Limit > 0 && n == q.Limit {
			return false
		}
		n++
		if err = each(s.Flow(&f, now)); err == nil {
			err = ctx.Err()
		}
		return err == nil
	})
	return err
}

// Revoke implements [control.Backend].
func (d *daemon) Revoke(_ context.Context, req api.RevokeRequest) (api.RevokeReply, error) {
	reply := api.RevokeReply{DryRun: req.DryRun}
	if req.Flows.All() {
		return reply, &api.Failure{Kind: api.KindUsage, Message: "which flows? say at least one thing about them"}
	}
	s, err := d.selection(req.Flows)
	if err != nil {
		return reply, err
	}
	if own := d.own(s, req.Caller); own != nil && !req.Force && !req.DryRun {
		return reply, &api.Failure{Kind: api.KindRefused, Message: fmt.Sprintf(
			"the connection from %s to %s, which you use yourself, is among them\n(hint: select others, or use --force)", own.Remote, own.Local)}
	}
	end := d.engine.Flows().Revoke
	if req.DryRun {
		end = func(*conntrack.FlowInfo, conntrack.Time) bool { return true }
	}
	reply.Revoked = d.end(s, end)
	if !req.DryRun && reply.Revoked.Count > 0 {
		d.log.Info("flows revoked", "count", reply.Revoked.Count, "still_permitted", reply.Revoked.Permitted)
	}
	return reply, nil
}

// own returns the caller's SSH connection if it is among the flows.
func (d *daemon) own(s *explain.Selection, caller string) (own *api.Flow) {
	client, server, err := ssh.ParseConnection(caller)
	if err != nil {
		return nil
	}
	now := d.engine.Now()
	is := func(f *conntrack.FlowInfo) bool {
		return f.Tuple.Proto() == conntrack.ProtoTCP && f.State != conntrack.StateRevoked && !f.Untracked &&
			at(f.Tuple.Local, f.Tuple.LocalPort) == server && at(f.Tuple.Remote, f.Tuple.RemotePort) == client
	}
	d.engine.Flows().Range(now, func(f conntrack.FlowInfo) bool {
		if is(&f) && s.Has(&f) {
			doc := s.Flow(&f, now)
			own = &doc
		}
		return own == nil
	})
	return own
}

func at(a conntrack.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Netip(), port) }

// end ends the selected flows that are not revoked yet, and lists them. Those that
// are not tracked it only counts: rules alone decide about their packets.
func (d *daemon) end(s *explain.Selection, end func(*conntrack.FlowInfo, conntrack.Time) bool) api.Revoked {
	out := api.Revoked{Flows: []api.Flow{}}
	now := d.engine.Now()
	d.engine.Flows().Range(now, func(f conntrack.FlowInfo) bool {
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

// orphaned selects the orphans under a ruleset.
func orphaned(rs *filter.Ruleset) *explain.Selection {
	s, err := explain.Select(api.FlowQuery{Orphans: true}, rs)
	if err != nil {
		panic(err) // the query is ours
	}
	return s
}

// orphans lists the live flows that no rule of a ruleset permits.
func (d *daemon) orphans(rs *filter.Ruleset) api.Orphans {
	all := d.end(orphaned(rs), func(*conntrack.FlowInfo, conntrack.Time) bool { return true })
	return api.Orphans{Count: all.Count, Flows: all.Flows}
}

// cut lists the flows that a change from one ruleset to another ends, without
// connections that have ended by themselves: untracked ones that rules permitted
// until then, and those that no packet can belong to any more.
func (d *daemon) cut(from, to *filter.Ruleset) api.Orphans {
	out := api.Orphans{Flows: []api.Flow{}}
	s, err := explain.Select(api.FlowQuery{}, to)
	if err != nil {
		panic(err) // the query is ours
	}
	before, now := from.Review(), d.engine.Now()
	d.engine.Flows().Range(now, func(f conntrack.FlowInfo) bool {
		if f.State.Closed() || s.Standing(&f) != filter.StandingCut {
			return true
		}
		switch was := before.Standing(&f); {
		case f.Untracked && was != filter.StandingPermitted, was == filter.StandingCut:
			return true
		}
		if out.Count++; len(out.Flows) < api.MaxListed {
			out.Flows = append(out.Flows, s.Flow(&f, now))
		}
		return true
	})
	return out
}

// revokeOrphans ends the flows that no rule in force permits; the caller holds mu.
func (d *daemon) revokeOrphans() *api.Revoked {
	out := d.end(orphaned(d.current.rs), d.engine.Flows().Revoke)
	d.log.Info("orphans revoked", "count", out.Count)
	return &out
}
