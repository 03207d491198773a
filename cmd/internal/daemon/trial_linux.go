package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/source"
	"sgfw/cmd/internal/state"
	"sgfw/policy"
)

const (
	// trialTick is how long the clock of a trial goes unread at most: the machine
	// may have slept.
	trialTick = time.Second
	// trialRetry is the pause after a roll-back, or a write, that failed.
	trialRetry = 2 * time.Second
)

// begin chooses the policy to start with: the file's, unless the record says that
// it is on trial or was rolled back. restored is true for a policy that was in
// force before the daemon ended.
func (d *daemon) begin() (restored bool, err error) {
	path, err := filepath.Abs(d.cfg.PolicyFile)
	if err != nil {
		return false, err
	}
	if d.cfg.StateDir != "" {
		d.store = state.NewStore(d.cfg.StateDir, path)
	}
	seed, why := state.FindSeed(d.cfg.StateDir)
	d.ids, d.unseeded = policy.IDs(seed), why
	source, readErr := source.File{Path: d.cfg.PolicyFile}.Read()
	d.tried = source.Sum
	if last := d.recall(path); last != nil {
		if restored, err = d.resume(*last, source); restored || err != nil {
			return restored, err
		}
	}
	if readErr != nil {
		return false, readErr
	}
	d.record = state.Record{File: path, Confirmed: source}
	d.current, err = d.load(d.cfg.PolicyFile, source, d.facts)
	return false, err
}

// recall returns the record of an earlier daemon, nil if there is none of this file.
func (d *daemon) recall(path string) *state.Record {
	if d.store == nil {
		return nil
	}
	last, err := d.store.Load()
	if err != nil {
		d.log.Error("what an earlier daemon left to roll back to cannot be used: the policy file is", "error", err)
		return nil
	}
	if last == nil || last.File != path {
		return nil
	}
	return last
}

// resume goes on where an earlier daemon was: with the policy on trial for the
// rest of its time, or with the confirmed one if that is over, or if the file
// still says what was rolled back.
func (d *daemon) resume(last state.Record, file source.Revision) (restored bool, err error) {
	if last.Trial == nil && (last.Rejected == nil || last.Rejected.Sum != file.Sum) {
		return false, nil
	}
	if last.Trial != nil {
		now, err := state.Now()
		if err != nil {
			return false, err
		}
		why := "it was not confirmed in time; no daemon ran when the time was over"
		if left := last.Trial.Deadline.Left(now); left > 0 {
			if d.current, err = d.load(d.nameOf(last.Trial.Policy, file), last.Trial.Policy, d.facts); err == nil {
				d.record = last
				d.log.Warn("the policy is still on trial", "left", left.Round(time.Second).String())
				return true, nil
			}
			why = "it does not load any more: " + err.Error()
		}
		last = last.Reject(why, now.Wall)
	}
	d.record = last
	d.log.Warn("starting with the confirmed policy: the one in the file was rolled back",
		"policy", d.cfg.PolicyFile, "why", last.Rejected.Why)
	d.current, err = d.load(d.nameOf(last.Confirmed, file), last.Confirmed, d.facts)
	if err != nil {
		return false, fmt.Errorf("the confirmed policy: %w", err)
	}
	return true, nil
}

// nameOf is what the positions of a policy are called: the file, unless it says
// something else now.
func (d *daemon) nameOf(p, file source.Revision) string {
	if p.Same(file) {
		return d.cfg.PolicyFile
	}
	return d.cfg.PolicyFile + " (as confirmed)"
}

// keep makes a record the daemon's own and writes it down; the caller holds mu,
// once there are tasks. Where that fails, unkept says so and trials tries again.
func (d *daemon) keep(r state.Record) {
	d.record, d.unkept = r, ""
	wake(d.trialChanged)
	if err := d.write(r); err != nil {
		d.unkept = err.Error()
		d.log.Warn("what to roll back to is not as it should be on disk", "error", err)
	}
}

// keepIDs writes down what the IDs are made of, once there is a daemon to give them.
func (d *daemon) keepIDs() {
	if err := state.KeepSeed(d.cfg.StateDir, state.Seed(d.ids), d.unseeded); err != nil {
		d.idsNotKept = err.Error()
		d.log.Warn("the IDs of groups and rules are others than before, or may be after the next start", "error", err)
	}
}

// write brings the state directory in line with a record.
func (d *daemon) write(r state.Record) error {
	switch {
	case d.store == nil:
		return nil
	case r.Plain():
		return d.store.Clear()
	}
	return d.store.Save(r)
}

// trials rolls back what is not confirmed in time, and writes down what could
// not be written at once.
func (d *daemon) trials(ctx context.Context) error {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.trialChanged:
		case <-t.C:
		}
		t.Reset(d.watchClock())
	}
}

// watchClock does what is due and returns when to look again.
func (d *daemon) watchClock() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping {
		return time.Hour
	}
	if d.unkept != "" {
		if err := d.write(d.record); err == nil {
			d.unkept = ""
			d.log.Info("the state directory is as it should be again")
			d.logNotify(d.notify.status(d.line()))
		}
	}
	if d.record.Trial == nil {
		if d.unkept != "" {
			return trialRetry
		}
		return time.Hour
	}
	now, err := state.Now()
	if err != nil {
		d.log.Error("the clock of the trial cannot be read", "error", err)
		return trialRetry
	}
	left := d.record.Trial.Deadline.Left(now)
	if left > 0 {
		return min(left, trialTick)
	}
	if _, err := d.rollBack("it was not confirmed in time"); err != nil {
		return trialRetry
	}
	return time.Hour
}

// rollBack puts the confirmed policy in force again. It is a reload like any
// other: flows that only the policy on trial permits go on, as orphans. The caller
// holds mu.
func (d *daemon) rollBack(why string) (api.RollbackReply, error) {
	d.logNotify(d.notify.reloading())
	defer func() { d.logNotify(d.notify.ready(d.line())) }()
	reply, err := d.restore(why)
	d.report(byTrial, err)
	if err == nil {
		d.log.Warn("rolled back to the confirmed policy", "why", why, "generation", reply.Generation, "orphans", reply.Orphans.Count, "cut", reply.Cut.Count)
	}
	return reply, err
}

func (d *daemon) restore(why string) (api.RollbackReply, error) {
	var reply api.RollbackReply
	facts, err := d.look()
	if err != nil {
		return reply, err
	}
	// The file is not read: a roll-back may not wait for a disk. What was tried last
	// is what it said then.
	next, err := d.load(d.nameOf(d.record.Confirmed, source.Revision{Sum: d.tried}), d.record.Confirmed, facts)
	if err != nil {
		return reply, fmt.Errorf("the confirmed policy: %w", err)
	}
	before, old := d.record, d.current
	d.keep(before.Reject(why, time.Now()))
	if err := d.enforce(next, facts); err != nil {
		d.keep(before)
		return reply, err
	}
	d.facts, d.loaded = facts, time.Now()
	reply.Generation = next.rs.Generation()
	reply.Changes = changes(old.policy, next.policy)
	reply.Orphans, reply.Cut = d.orphans(next.rs), d.cut(old.rs, next.rs)
	return reply, nil
}

// Confirm implements [control.Backend].
func (d *daemon) Confirm(_ context.Context, req api.EndTrialRequest) (api.ConfirmReply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var reply api.ConfirmReply
	if err := d.onTrial(); err != nil {
		return reply, err
	}
	before := d.record
	if d.keep(before.Confirm()); d.unkept != "" {
		err := fmt.Errorf("still on trial, since a restart would roll it back: %s", d.unkept)
		d.keep(before)
		return reply, err
	}
	d.engine.Retime()
	d.log.Info("the policy is confirmed", "policy", d.cfg.PolicyFile, "generation", d.current.rs.Generation())
	d.logNotify(d.notify.status(d.line()))
	reply.Generation = d.current.rs.Generation()
	reply.Orphans = d.orphans(d.current.rs)
	if req.Revoke {
		reply.Revoked = d.revokeOrphans()
	}
	return reply, nil
}

// Rollback implements [control.Backend].
func (d *daemon) Rollback(_ context.Context, req api.EndTrialRequest) (api.RollbackReply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.onTrial(); err != nil {
		return api.RollbackReply{}, err
	}
	reply, err := d.rollBack("by order")
	if err != nil {
		return reply, failure(err)
	}
	if req.Revoke {
		reply.Revoked = d.revokeOrphans()
	}
	return reply, nil
}

// onTrial is an error that says why there is nothing to confirm or roll back.
func (d *daemon) onTrial() error {
	switch {
	case d.stopping:
		return errStopping
	case d.record.Trial != nil:
		return nil
	case d.record.Rejected != nil:
		r := d.record.Rejected
		return fmt.Errorf("no policy is on trial: the last one was rolled back at %s (%s)", r.At.Local().Format(time.DateTime), r.Why)
	}
	return errors.New("no policy is on trial")
}

// trial is the trial under way as a document, nil for none; the caller holds mu.
func (d *daemon) trial() *api.Trial {
	if d.record.Trial == nil {
		return nil
	}
	now, err := state.Now()
	if err != nil {
		return &api.Trial{Deadline: d.record.Trial.Deadline.Wall.UTC()}
	}
	left := d.record.Trial.Deadline.Left(now)
	return &api.Trial{Deadline: now.Wall.Add(left).UTC().Round(time.Second), Left: int64((left + time.Second - 1) / time.Second)}
}

// rolledBack is the last roll-back as a document, nil for none; the caller holds mu.
func (d *daemon) rolledBack() *api.RolledBack {
	if r := d.record.Rejected; r != nil {
		return &api.RolledBack{At: r.At.UTC(), Why: r.Why}
	}
	return nil
}
