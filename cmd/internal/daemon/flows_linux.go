package daemon

import (
	"context"
	"fmt"
	"net/netip"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/conntrack"
)

// selection understands a query under the rules in force.
func (d *daemon) selection(q api.FlowQuery) (*explain.Selection, error) {
	s, err := explain.Select(q, d.enforcer.Engine().Ruleset())
	if err != nil {
		return nil, failure(err)
	}
	return s, nil
}

// Flows implements [control.Backend].
func (d *daemon) Flows(ctx context.Context, q api.FlowQuery, begin func(api.FlowsHeader) error,
	each func(api.Flow) error) error {
	s, err := d.selection(q)
	if err != nil {
		return err
	}
	d.enforcer.Refresh()
	table, now := d.enforcer.Engine().Flows(), d.enforcer.Engine().Now()
	header := api.FlowsHeader{Live: table.Len(), Untracked: table.Untracked(),
		Tracking: d.enforcer.Engine().Ruleset().Policy().Settings.Tracking.String()}
	if err := begin(header); err != nil {
		return err
	}
	if q.Newest {
		young := newest{limit: q.Limit}
		table.Range(now, func(f conntrack.FlowInfo) bool {
			if s.Has(&f) {
				young.add(f)
			}
			return ctx.Err() == nil
		})
		for i := range young.flows {
			if err := each(s.Flow(&young.flows[i], now)); err != nil {
				return err
			}
		}
		return ctx.Err()
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
		return reply, &api.Failure{Kind: api.KindUsage,
			Message: "which flows? say at least one thing about them"}
	}
	s, err := d.selection(req.Flows)
	if err != nil {
		return reply, err
	}
	if own := d.own(s, req.Caller); own != nil && !req.Force && !req.DryRun {
		return reply, &api.Failure{Kind: api.KindRefused, Message: fmt.Sprintf(
			"the connection from %s to %s, which you use yourself, is among them\n(hint: select others, "+
				"or use --force)", own.Remote, own.Local)}
	}
	if req.DryRun {
		reply.Revoked = d.enforcer.WouldRevoke(s)
	} else {
		reply.Revoked = d.enforcer.Revoke(s)
	}
	if !req.DryRun && reply.Revoked.Count > 0 {
		d.log.Info("flows revoked", "count", reply.Revoked.Count, "still_permitted",
			reply.Revoked.Permitted)
	}
	return reply, nil
}

// own returns the caller's SSH connection if it is among the flows.
func (d *daemon) own(s *explain.Selection, caller string) (own *api.Flow) {
	client, server, err := ssh.ParseConnection(caller)
	if err != nil {
		return nil
	}
	now := d.enforcer.Engine().Now()
	is := func(f *conntrack.FlowInfo) bool {
		return f.Tuple.Proto() == conntrack.ProtoTCP && f.State != conntrack.StateRevoked &&
			!f.Untracked &&
			at(f.Tuple.Local, f.Tuple.LocalPort) == server &&
			at(f.Tuple.Remote, f.Tuple.RemotePort) == client
	}
	d.enforcer.Engine().Flows().Range(now, func(f conntrack.FlowInfo) bool {
		if is(&f) && s.Has(&f) {
			doc := s.Flow(&f, now)
			own = &doc
		}
		return own == nil
	})
	return own
}

func at(a conntrack.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Netip(), port) }
