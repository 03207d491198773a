package enforce

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/cmd/internal/source"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/devices"
)

// Cause is what asks for a change, as status and log call it.
type Cause string

// The causes.
const (
	ByStart    Cause = "start"
	ByCommand  Cause = "reload"
	BySignal   Cause = "SIGHUP"
	ByWatch    Cause = "watch"
	ByRollback Cause = "roll-back"
)

// Change asks for a revision to be put in force.
type Change struct {
	By Cause
	// Revision is the policy, and ReadError says why there is none.
	Revision  source.Revision
	ReadError error
	// Confirm is how long the policy waits to be confirmed before it is rolled back;
	// 0 puts it in force for good.
	Confirm time.Duration
	// Force skips the SSH guard.
	Force bool
	// Caller is SSH_CONNECTION of whoever asks.
	Caller string
	// Revoke ends the flows that no rule permits then.
	Revoke bool
	// Look is called by Preview with what is in force and what would be; nil for nobody.
	Look func(now, next *filter.Ruleset)
}

// Preview says what a change would mean and alters nothing. It takes as long as a change,
// and nothing waits for it: it compiles beside what is in force when it begins.
func (e *Enforcer) Preview(c Change) (api.ReloadReply, error) {
	on, err := e.beside()
	if err != nil {
		return api.ReloadReply{}, err
	}
	m, err := on.look(e.cfg.Links)
	if err == nil {
		err = c.ReadError
	}
	if err != nil {
		return api.ReloadReply{}, err
	}
	next, reply, err := e.prepare(c, &on, m)
	if err != nil {
		return reply, err
	}
	reply.SSHGuard, err = e.guardDocument(next.rs, c.Caller)
	if err != nil && !errors.Is(err, ssh.ErrLockout) {
		return reply, err
	}
	reply.SSHGuard.Refuses = err != nil && !c.Force
	now := on.current.rs
	reply.DryRun, reply.Generation = true, now.Generation()
	reply.Orphans, reply.Cut = e.orphans(next.rs), e.cut(now, next.rs)
	if c.Look != nil {
		c.Look(now, next.rs)
	}
	return reply, nil
}

// beside is what is in force, with a compiler that nobody else has.
func (e *Enforcer) beside() (inForce, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.stopping {
		return inForce{}, errStopping
	}
	on := e.mu.force
	on.compiler = on.compiler.Fork()
	return on, nil
}

// Apply puts a revision in force. It answers when no packet is judged by the old
// policy any more. After an error everything is as it was.
func (e *Enforcer) Apply(c Change) (api.ReloadReply, error) {
	e.changes.Lock()
	defer e.changes.Unlock()
	if c.By == ByWatch && !e.watches() {
		return api.ReloadReply{}, errStopping // nobody asked for it by now
	}
	e.cfg.Events.Changing()
	defer e.cfg.Events.Changed()
	e.mu.Lock()
	defer e.mu.Unlock()
	reply, err := e.apply(c)
	switch {
	case err == nil:
		e.mu.attempt.succeeded()
	case c.ReadError != nil:
		e.mute(c.By, err)
		return api.ReloadReply{}, err
	default:
		e.refused(c.By, err)
		return api.ReloadReply{}, err
	}
	log := e.log.With("by", string(c.By), "policy", e.cfg.File.Name(), "generation", reply.Generation,
		"changes", len(reply.Changes), "orphans", reply.Orphans.Count, "cut", reply.Cut.Count)
	if reply.Pending != nil {
		log.Warn("reloaded: to be confirmed", "until", reply.Pending.Deadline.Format(time.RFC3339))
	} else {
		log.Info("reloaded")
	}
	return reply, nil
}

// Heard takes note of what the source says, and reports whether that was the last that was
// put in force, or refused.
func (e *Enforcer) Heard(r source.Revision) (tried bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mu.attempt.says(r.Sum)
}

// watches reports whether changes of the policy file are still to be followed.
func (e *Enforcer) watches() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.mu.stopping && e.mu.force.current.policy.Settings.Watch
}

// Unread remembers that a source could not be read.
func (e *Enforcer) Unread(by Cause, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mute(by, err)
}

// mute remembers, and tells, that there is no text to put in force; the caller holds mu.
func (e *Enforcer) mute(by Cause, err error) {
	e.mu.attempt.mute(by, err)
	e.logRefusal(by, err)
}

// refused remembers, and tells, that a change altered nothing; the caller holds mu.
func (e *Enforcer) refused(by Cause, err error) {
	e.mu.attempt.failed(by, err)
	e.logRefusal(by, err)
}

func (e *Enforcer) logRefusal(by Cause, err error) {
	e.log.Error("reload refused, the old policy stays in force", "by", string(by), "error", err)
}

// prepare compiles a revision and says how it differs from what is in force, which stays as
// it is. The caller holds mu, or has the compiler for itself.
func (e *Enforcer) prepare(c Change, on *inForce, m machine) (*candidate, api.ReloadReply, error) {
	var reply api.ReloadReply
	next, err := e.compile(on.compiler, e.cfg.File.Name(), c.Revision, m)
	if problems := policy.AsProblems(err); problems != nil {
		err = problems.Since(on.current.policy)
	}
	if err != nil {
		return nil, reply, err
	}
	// At the start, and for a roll-back, it is a warning: nobody is there to mend it.
	facts := next.machine.Snapshot
	wrong := append(devices.Twins(next.policy, facts.Facts),
		devices.Ports(next.policy, facts.Facts, facts.Masters).Of(policy.SeverityError)...)
	if len(wrong) > 0 {
		on.compiler.Discard(next.base)
		return nil, reply, wrong
	}
	reply.Changes = changes(on.current.policy, next.policy)
	// What only AWS would refuse is said at the start and by check, not again and again.
	next.problems = slices.DeleteFunc(next.problems, func(p policy.Problem) bool { return p.AWS })
	next.problems = slices.Concat(next.problems,
		viewsChanged(on.current.policy, next.policy, m.Snapshot))
	reply.Notices = explain.Problems(append(slices.Clone(next.problems), e.fixed(next.policy)...))
	return next, reply, nil
}

// guardDocument is what the SSH guard says of a ruleset; the error is the guard's.
func (e *Enforcer) guardDocument(rs *filter.Ruleset, caller string) (api.SSHGuard, error) {
	sessions, err := e.guard(rs, caller)
	doc := api.SSHGuard{Sessions: sessions, Lockouts: []string{}}
	if lockout, ok := errors.AsType[*ssh.LockoutError](err); ok {
		for _, l := range lockout.Lockouts {
			doc.Lockouts = append(doc.Lockouts, l.String())
			if l.Cut() {
				doc.Cut++
			}
		}
	}
	return doc, err
}

// apply is Apply without what is told of it; the caller holds mu.
func (e *Enforcer) apply(c Change) (api.ReloadReply, error) {
	if e.mu.stopping {
		return api.ReloadReply{}, errStopping
	}
	m, err := e.mu.force.look(e.cfg.Links)
	if err == nil {
		err = c.ReadError
	}
	if err != nil {
		return api.ReloadReply{}, err
	}
	e.mu.attempt.sum = c.Revision.Sum
	e.engine.ForgetRules(e.mu.force.compiler)
	next, reply, err := e.prepare(c, &e.mu.force, m)
	if err != nil {
		return reply, err
	}
	discard := func(err error) (api.ReloadReply, error) {
		e.mu.force.compiler.Discard(next.base)
		return reply, err
	}
	if reply.SSHGuard, err = e.guardDocument(next.rs, c.Caller); err != nil {
		if !c.Force {
			return discard(err)
		}
		e.log.Warn("enforcing although the SSH guard objects", "reason", err.Error())
	}
	record, err := e.recordOf(next.revision, c.Confirm)
	if err != nil {
		return discard(err)
	}
	// On disk first: a daemon that is killed between the two steps starts with a
	// policy that waits to be confirmed.
	before, old := e.mu.confirm.record, e.mu.force.current.rs
	if e.keep(record); e.mu.confirm.unkept != "" && record.Pending != nil {
		unkept := e.mu.confirm.unkept
		e.keep(before)
		return discard(fmt.Errorf("a policy to be confirmed needs a record that outlives the daemon: "+
			"%s (hint: make room in the state directory, or reload without --confirm)", unkept))
	}
	if err := e.publish(next); err != nil {
		e.keep(before)
		return reply, err
	}
	e.mu.force.machine, e.mu.force.loaded = next.machine, time.Now()
	if record.Pending == nil {
		e.keepGood(record.Confirmed)
	}
	e.logProblems(append(slices.Clone(next.problems), e.fixed(next.policy)...))
	reply.Generation = next.rs.Generation()
	reply.Orphans, reply.Cut = e.orphans(next.rs), e.cut(old, next.rs)
	if c.Revoke {
		reply.Revoked = e.revokeOrphans()
	}
	reply.Pending = e.mu.confirm.document()
	return reply, nil
}

// changes is the difference between two policies as a document.
func changes(from, to *policy.Policy) []api.Change {
	out := []api.Change{}
	for _, c := range policy.Diff(from, to) {
		out = append(out, api.Change{Op: c.Op.String(), Part: c.Part, What: c.What, ID: c.ID})
	}
	return out
}
