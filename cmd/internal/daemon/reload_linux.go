package daemon

import (
	"context"
	"fmt"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/enforce"
	"sgfw/filter"
)

// Reload implements [control.Backend]: it reads the policy again and answers when
// no packet is judged by the old one any more. After an error everything is as it
// was.
func (d *daemon) Reload(ctx context.Context, req api.ReloadRequest) (api.ReloadReply, error) {
	if req.Confirm < 0 || req.Confirm > api.MaxConfirm {
		return api.ReloadReply{}, &api.Failure{
			Kind: api.KindUsage,
			Message: fmt.Sprintf("the time to confirm is 1 to %d seconds, not %d", api.MaxConfirm,
				req.Confirm),
		}
	}
	if req.Confirm > 0 && req.Revoke {
		return api.ReloadReply{}, &api.Failure{
			Kind:    api.KindUsage,
			Message: "flows that are revoked do not come back with a roll-back: revoke when you confirm",
		}
	}
	c := enforce.Change{
		By: enforce.ByCommand, Confirm: time.Duration(req.Confirm) * time.Second,
		Force: req.Force, Caller: req.Caller, Revoke: req.Revoke,
	}
	var reply api.ReloadReply
	var err error
	if req.DryRun {
		c.Revision, c.ReadError = d.file.again(ctx)
		var looked *api.Past
		c.Look = func(now, next *filter.Ruleset) { looked = d.lookBack(now, next) }
		reply, err = d.enforcer.Preview(c)
		reply.Past = looked
	} else {
		reply, err = d.apply(ctx, c)
	}
	if err != nil {
		return reply, failure(err)
	}
	return reply, nil
}

// Confirm implements [control.Backend].
func (d *daemon) Confirm(_ context.Context, req api.EndConfirmRequest) (api.ConfirmReply, error) {
	return d.enforcer.Confirm(req)
}

// Rollback implements [control.Backend].
func (d *daemon) Rollback(_ context.Context, req api.EndConfirmRequest) (api.RollbackReply, error) {
	reply, err := d.enforcer.Rollback(req)
	if err != nil {
		return reply, failure(err)
	}
	return reply, nil
}
