package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/cmd/internal/source"
	"sgfw/cmd/internal/state"
	"sgfw/policy"
)

// What asks for a reload, as status and log call it.
const (
	byCommand = "reload"
	bySignal  = "SIGHUP"
	byWatch   = "watch"
	byTrial   = "roll-back"
)

// reloads answers SIGHUP. The outcome is in the log and in the status line.
func (d *daemon) reloads(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.cfg.Reload:
			d.mu.Lock()
			// change has logged whatever it returns.
			_, _ = d.change(bySignal, api.ReloadRequest{})
			d.mu.Unlock()
		}
	}
}

// Reload implements [control.Backend]: it reads the policy again and answers when
// no packet is judged by the old one any more. After an error everything is as it
// was.
func (d *daemon) Reload(_ context.Context, req api.ReloadRequest) (api.ReloadReply, error) {
	if req.Confirm < 0 || req.Confirm > api.MaxTrial {
		return api.ReloadReply{}, &api.Failure{
			Kind:    api.KindUsage,
			Message: fmt.Sprintf("a trial takes 1 to %d seconds, not %d", api.MaxTrial, req.Confirm),
		}
	}
	if req.Confirm > 0 && req.Revoke {
		return api.ReloadReply{}, &api.Failure{
			Kind:    api.KindUsage,
			Message: "flows that are revoked do not come back with a roll-back: revoke when you confirm",
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if req.DryRun {
		reply, _, err := d.preview(req)
		if err != nil {
			return reply, failure(err)
		}
		reply.DryRun, reply.Generation = true, d.current.rs.Generation()
		return reply, nil
	}
	reply, err := d.change(byCommand, req)
	if err != nil {
		return reply, failure(err)
	}
	return reply, nil
}

// change is a reload with everything that tells of it; the caller holds mu.
func (d *daemon) change(by string, req api.ReloadRequest) (api.ReloadReply, error) {
	d.logNotify(d.notify.reloading())
	defer func() { d.logNotify(d.notify.ready(d.line())) }()
	reply, err := d.reload(req)
	d.report(by, err)
	if err != nil {
		return api.ReloadReply{}, err
	}
	log := d.log.With("by", by, "policy", d.cfg.PolicyFile, "generation", reply.Generation,
		"changes", len(reply.Changes), "orphans", reply.Orphans.Count, "cut", reply.Cut.Count)
	if reply.Trial != nil {
		log.Warn("reloaded on trial: to be confirmed", "until", reply.Trial.Deadline.Format(time.RFC3339))
	} else {
		log.Info("reloaded")
	}
	return reply, nil
}

// report remembers how a change went; the caller holds mu.
func (d *daemon) report(by string, err error) {
	if err == nil {
		d.refused = nil
		return
	}
	d.refused = &api.ReloadFailure{At: time.Now().UTC(), By: by, Message: err.Error()}
	d.log.Error("reload refused, the old policy stays in force", "by", by, "error", err)
}

// preview reads the file and says what putting it in force would mean. The caller
// holds mu; nothing is changed.
func (d *daemon) preview(req api.ReloadRequest) (api.ReloadReply, *candidate, error) {
	var reply api.ReloadReply
	if d.stopping {
		return reply, nil, errStopping
	}
	facts, err := d.look()
	if err != nil {
		return reply, nil, err
	}
	source, err := source.File{Path: d.cfg.PolicyFile}.Read()
	if err != nil {
		return reply, nil, err
	}
	if !req.DryRun {
		d.tried = source.Sum
	}
	d.engine.ForgetRules(d.compiler)
	next, err := d.load(d.cfg.PolicyFile, source, facts)
	if problems := policy.AsProblems(err); problems != nil {
		err = problems.Since(d.current.policy)
	}
	if err != nil {
		return reply, nil, err
	}
	reply.SSHGuard.Lockouts = []string{}
	sessions, err := guard(next.rs, req.Caller)
	reply.SSHGuard.Sessions = sessions
	if lockout, ok := errors.AsType[*ssh.LockoutError](err); ok {
		for _, l := range lockout.Lockouts {
			reply.SSHGuard.Lockouts = append(reply.SSHGuard.Lockouts, l.String())
		}
	}
	switch {
	case err == nil:
	case req.DryRun && errors.Is(err, ssh.ErrLockout):
		reply.SSHGuard.Refuses = !req.Force
	case req.Force && !req.DryRun:
		d.log.Warn("enforcing although the SSH guard objects", "reason", err.Error())
	default:
		d.compiler.Discard(next.base)
		return reply, nil, err
	}
	reply.Changes = changes(d.current.policy, next.policy)
	reply.Notices = explain.Problems(append(slices.Clone(next.problems), d.fixed(next.policy)...))
	if req.DryRun {
		reply.Orphans, reply.Cut = d.orphans(next.rs), d.cut(d.current.rs, next.rs)
		d.compiler.Discard(next.base)
	}
	return reply, next, nil
}

// reload puts the file in force; the caller holds mu.
func (d *daemon) reload(req api.ReloadRequest) (api.ReloadReply, error) {
	reply, next, err := d.preview(req)
	if err != nil {
		return reply, err
	}
	record, err := d.recordOf(next.source, time.Duration(req.Confirm)*time.Second)
	if err != nil {
		d.compiler.Discard(next.base)
		return reply, err
	}
	// On disk first: a daemon that is killed between the two steps starts with a
	// policy that is on trial.
	before, old := d.record, d.current.rs
	if d.keep(record); d.unkept != "" && record.Trial != nil {
		d.keep(before)
		d.compiler.Discard(next.base)
		return reply, fmt.Errorf("a trial needs a record that outlives the daemon: %s", d.unkept)
	}
	if err := d.enforce(next, next.facts); err != nil {
		d.keep(before)
		return reply, err
	}
	d.facts, d.loaded = next.facts, time.Now()
	d.logProblems(append(slices.Clone(next.problems), d.fixed(next.policy)...))
	reply.Generation = next.rs.Generation()
	reply.Orphans, reply.Cut = d.orphans(next.rs), d.cut(old, next.rs)
	if req.Revoke {
		reply.Revoked = d.revokeOrphans()
	}
	reply.Trial = d.trial()
	return reply, nil
}

// recordOf is the record of a policy that comes from the file. A trial that is
// under way goes on with it: what to roll back to stays, and so does the deadline
// unless there is a new one. It ends if the policy is the confirmed one.
func (d *daemon) recordOf(source source.Revision, trial time.Duration) (state.Record, error) {
	r := state.Record{File: d.record.File, Confirmed: d.record.Confirmed}
	old := d.record.Trial
	switch {
	case trial > 0:
		if d.store == nil {
			return r, errors.New("this daemon keeps no state (--state-dir is empty): there is nothing to roll back to after a crash")
		}
		now, err := state.Now()
		if err != nil {
			return r, err
		}
		r.Trial = &state.Trial{Policy: source, Deadline: now.In(trial)}
	case old != nil && !source.Same(r.Confirmed):
		r.Trial = &state.Trial{Policy: source, Deadline: old.Deadline}
	default:
		r.Confirmed = source
	}
	return r, nil
}

// changes is the difference between two policies as a document.
func changes(from, to *policy.Policy) []api.Change {
	out := []api.Change{}
	for _, c := range policy.Diff(from, to) {
		out = append(out, api.Change{Op: c.Op.String(), Part: c.Part, What: c.What, ID: c.ID})
	}
	return out
}
