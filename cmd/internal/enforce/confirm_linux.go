package enforce

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/source"
	"sgfw/cmd/internal/state"
)

const (
	// deadlineTick is how long the clock of a deadline goes unread at most: the
	// machine may have slept.
	deadlineTick = time.Second
	// deadlineRetry is the pause after a roll-back, or a write, that failed.
	deadlineRetry = 2 * time.Second
	// maxWait is the longest time to confirm that can be asked for.
	maxWait = api.MaxConfirm * time.Second
	// noDeadline is the pause while nothing waits to be confirmed.
	noDeadline = time.Hour
)

// confirmation is the state of commit-confirm: a policy is put in force and rolled
// back unless it is confirmed in time.
type confirmation struct {
	// record is what is in force and what to roll back to; unkept says why the
	// state directory does not have it, "" if it has.
	record state.Record
	unkept string
}

// refusal is an error that says why there is nothing to confirm or roll back, nil if
// there is.
func (c *confirmation) refusal() error {
	switch r := c.record.Rejected; {
	case c.record.Pending != nil:
		return nil
	case r != nil:
		return fmt.Errorf("no policy waits to be confirmed: the last one was rolled back at %s (%s)",
			r.At.Local().Format(time.DateTime), r.Why)
	}
	return errors.New("no policy waits to be confirmed")
}

// document is the confirmation that is waited for, nil for none.
func (c *confirmation) document() *api.PendingConfirm {
	if c.record.Pending == nil {
		return nil
	}
	now, err := state.Now()
	if err != nil {
		return &api.PendingConfirm{Deadline: c.record.Pending.Deadline.Wall.UTC()}
	}
	left := c.record.Pending.Deadline.Left(now, maxWait)
	return &api.PendingConfirm{
		Deadline: now.Wall.Add(left).UTC().Round(time.Second),
		Left:     int64((left + time.Second - 1) / time.Second),
	}
}

// rolledBack is the last roll-back as a document, nil for none.
func (c *confirmation) rolledBack() *api.RolledBack {
	if r := c.record.Rejected; r != nil {
		return &api.RolledBack{At: r.At.UTC(), Why: r.Why}
	}
	return nil
}

// recordOf is the record of a new revision. A confirmation that is waited for goes on
// with it: what to roll back to stays, and so does the deadline unless there is a new
// one. It ends if the revision is the confirmed one. The caller holds mu.
func (e *Enforcer) recordOf(r source.Revision, confirm time.Duration) (state.Record, error) {
	was := e.mu.confirm.record
	out := state.Record{File: was.File, Confirmed: was.Confirmed}
	switch {
	case confirm > 0:
		if e.disk.store == nil {
			return out, errors.New("this daemon keeps no state (--state-dir is empty):" +
				" there is nothing to roll back to after a crash")
		}
		now, err := state.Now()
		if err != nil {
			return out, err
		}
		out.Pending = &state.Pending{Policy: r, Deadline: now.In(confirm)}
	case was.Pending != nil && !r.Same(was.Confirmed):
		out.Pending = &state.Pending{Policy: r, Deadline: was.Pending.Deadline}
	default:
		out.Confirmed = r
	}
	return out, nil
}

// Confirmations is the task that rolls back what is not confirmed in time, and
// writes down what could not be written at once. It returns when ctx ends.
func (e *Enforcer) Confirmations(ctx context.Context) error {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.deadline:
		case <-t.C:
		}
		t.Reset(e.watchDeadline())
	}
}

// watchDeadline does what is due and returns when to look again.
func (e *Enforcer) watchDeadline() time.Duration {
	left, waits := e.timeLeft()
	if !waits || left > 0 {
		return left
	}
	_, err := e.rollBack("it was not confirmed in time", api.EndConfirmRequest{}, e.overdue)
	switch {
	case err == nil, errors.Is(err, errStopping):
		return noDeadline
	case errors.Is(err, errNotDue):
		return 0
	}
	// The failed try has woken this task already, to no use.
	select {
	case <-e.deadline:
	default:
	}
	return deadlineRetry
}

// errNotDue says that a new deadline came while the old one passed.
var errNotDue = errors.New("the deadline is another one now")

// overdue is an error unless the time to confirm is over. The caller holds changes.
func (e *Enforcer) overdue() error {
	if err := e.toConfirm(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now, err := state.Now()
	if err != nil {
		return err
	}
	if e.mu.confirm.record.Pending.Deadline.Left(now, maxWait) > 0 {
		return errNotDue
	}
	return nil
}

// timeLeft writes down what was not and tells when to look again, or that the time to
// confirm is over.
func (e *Enforcer) timeLeft() (left time.Duration, waits bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := &e.mu.confirm
	if e.mu.stopping {
		return noDeadline, false
	}
	if c.unkept != "" {
		if err := e.write(c.record); err == nil {
			c.unkept = ""
			e.log.Info("the roll-back state is persisted again")
			e.cfg.Events.Health()
		}
	}
	if c.record.Pending == nil {
		if c.unkept != "" {
			return deadlineRetry, false
		}
		return noDeadline, false
	}
	now, err := state.Now()
	if err != nil {
		e.log.Error("the clock of the deadline cannot be read", "error", err)
		return deadlineRetry, false
	}
	if left = c.record.Pending.Deadline.Left(now, maxWait); left > 0 {
		return min(left, deadlineTick), true
	}
	return 0, true
}

// rollBack puts the confirmed policy in force again. It is a change like any
// other: flows that only the policy that goes permits live on, as orphans. It does
// nothing if may has an error, which is asked when no other change can begin.
func (e *Enforcer) rollBack(
	why string, req api.EndConfirmRequest, may func() error,
) (api.RollbackReply, error) {
	e.changes.Lock()
	defer e.changes.Unlock()
	if err := may(); err != nil {
		return api.RollbackReply{}, err
	}
	e.cfg.Events.Changing()
	defer e.cfg.Events.Changed()
	e.mu.Lock()
	defer e.mu.Unlock()
	reply, err := e.restore(why)
	if err != nil {
		e.refused(ByRollback, err)
	} else {
		e.mu.attempt.rolledBack()
		e.log.Warn("rolled back to the confirmed policy", "why", why, "generation", reply.Generation,
			"orphans", reply.Orphans.Count, "cut", reply.Cut.Count)
		if req.Revoke {
			reply.Revoked = e.revokeOrphans()
		}
	}
	return reply, err
}

// toConfirm is an error that says why there is nothing to confirm or roll back. The
// caller holds changes, so that it stays true.
func (e *Enforcer) toConfirm() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.stopping {
		return errStopping
	}
	return e.mu.confirm.refusal()
}

// restore is rollBack without what is told of it; the caller holds mu.
func (e *Enforcer) restore(why string) (api.RollbackReply, error) {
	var reply api.RollbackReply
	m, err := e.mu.force.look(e.cfg.Links)
	if err != nil {
		return reply, err
	}
	before, old := e.mu.confirm.record, e.mu.force.current
	// The file is not read: a roll-back may not wait for a disk. What was tried last
	// is what it said then.
	name := e.nameOf(before.Confirmed, source.Revision{Sum: e.mu.attempt.sum})
	next, err := e.compile(e.mu.force.compiler, name, before.Confirmed, m)
	if err != nil {
		return reply, fmt.Errorf("the confirmed policy: %w", err)
	}
	e.keep(before.Reject(why, time.Now()))
	if err := e.publish(next); err != nil {
		e.keep(before)
		return reply, err
	}
	e.mu.force.machine, e.mu.force.loaded = m, time.Now()
	reply.Generation = next.rs.Generation()
	reply.Changes = changes(old.policy, next.policy)
	reply.Orphans, reply.Cut = e.orphans(next.rs), e.cut(old.rs, next.rs)
	return reply, nil
}

// Confirm makes the policy in force the one to stay.
func (e *Enforcer) Confirm(req api.EndConfirmRequest) (api.ConfirmReply, error) {
	e.changes.Lock()
	defer e.changes.Unlock()
	var reply api.ConfirmReply
	if err := e.toConfirm(); err != nil {
		return reply, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.mu.confirm.record
	if e.keep(before.Confirm()); e.mu.confirm.unkept != "" {
		err := fmt.Errorf("still to be confirmed, since a restart would roll it back: %s",
			e.mu.confirm.unkept)
		e.keep(before)
		return reply, err
	}
	e.keepGood(e.mu.confirm.record.Confirmed)
	e.engine.Retime()
	rs := e.mu.force.current.rs
	e.log.Info("the policy is confirmed", "policy", e.cfg.File.Name(), "generation", rs.Generation())
	e.cfg.Events.Health()
	reply.Generation = rs.Generation()
	reply.Orphans = e.orphans(rs)
	if req.Revoke {
		reply.Revoked = e.revokeOrphans()
	}
	return reply, nil
}

// Rollback puts the confirmed policy in force again by order.
func (e *Enforcer) Rollback(req api.EndConfirmRequest) (api.RollbackReply, error) {
	return e.rollBack("by order", req, e.toConfirm)
}
