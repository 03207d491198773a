package enforce

import (
	"fmt"
	"time"

	"sgfw/cmd/internal/host/process"
	"sgfw/cmd/internal/source"
	"sgfw/cmd/internal/state"
	"sgfw/policy"
)

// disk is what the enforcer keeps in the state directory. It is written before
// anything else runs, and by the holder of mu after that.
type disk struct {
	// store keeps what to roll back to; nil where nothing is kept.
	store *state.Store
	// id is the policy file's, see [source.File.ID].
	id string
	// good is the last policy that was in force for good, as far as it was kept; nil for
	// none. closed is the sum of one that stood in for it, which never is.
	good   *state.Good
	closed string
	// earlier is true if something is kept of the file that was there before, even if it
	// cannot be read: a daemon enforced a policy of it.
	earlier bool
	// altnames are the devices that were known by an altname when that was written last.
	altnames map[string]uint32
	// restored is true for a policy that was in force before the daemon ended.
	restored bool
	// ids are this machine's; unseeded says why what they are made of is new, and
	// idsNotKept what users should know of that, "" for nothing.
	ids        policy.IDs
	unseeded   error
	idsNotKept string
}

// begin chooses the policy to start with: the file's, unless the record says that
// it waits to be confirmed or was rolled back, or another one in place of a file that
// cannot be used. The caller holds mu.
func (e *Enforcer) begin(c Change) error {
	path, err := e.cfg.File.ID()
	if err != nil {
		return err
	}
	e.disk.id = path
	if e.cfg.StateDir != "" {
		e.disk.store = state.NewStore(e.cfg.StateDir, path)
		if e.disk.good, err = e.disk.store.LoadGood(path); err != nil {
			e.log.Error("the last good policy of an earlier daemon cannot be used", "error", err)
		}
		e.disk.earlier = e.disk.good != nil || err != nil
		e.recallAltnames()
	}
	seed, why := state.FindSeed(e.cfg.StateDir)
	e.disk.ids = policy.IDs{Seed: seed, Place: seed.Place(process.Own().Lasting())}
	e.disk.unseeded = why
	e.mu.attempt.sum = c.Revision.Sum
	err = e.choose(c)
	switch {
	case err == nil || e.instead(err, c.Revision):
		return nil
	case policy.AsProblems(err) != nil:
		return &UnusableError{What: "the start is refused, and nothing was changed", Err: err}
	}
	return err
}

// choose is begin without what stands in for a file that cannot be used.
func (e *Enforcer) choose(c Change) (err error) {
	if last := e.recall(e.disk.id); last != nil {
		e.disk.restored, err = e.resume(*last, c.Revision)
		if e.disk.restored || err != nil {
			return err
		}
	}
	if c.ReadError != nil {
		return c.ReadError
	}
	e.mu.confirm.record = state.Record{File: e.disk.id, Confirmed: c.Revision}
	force := &e.mu.force
	force.current, err = e.compile(force.compiler, e.cfg.File.Name(), c.Revision, force.machine)
	return err
}

// recall returns the record of an earlier daemon, nil if there is none of this file.
func (e *Enforcer) recall(path string) *state.Record {
	if e.disk.store == nil {
		return nil
	}
	last, err := e.disk.store.Load()
	if err != nil {
		e.disk.earlier = true
		e.log.Error("the roll-back state of an earlier daemon cannot be used: the policy file is",
			"error", err)
		return nil
	}
	if last == nil || last.File != path {
		return nil
	}
	e.disk.earlier = true
	return last
}

// resume goes on where an earlier daemon was: with the policy that waits to be
// confirmed, for the rest of its time, or with the confirmed one if that is over, or
// if the file still says what was rolled back. The caller holds mu.
func (e *Enforcer) resume(last state.Record, file source.Revision) (restored bool, err error) {
	if last.Pending == nil && (last.Rejected == nil || last.Rejected.Sum != file.Sum) {
		return false, nil
	}
	force := &e.mu.force
	if last.Pending != nil {
		now, err := state.Now()
		if err != nil {
			return false, err
		}
		why := "it was not confirmed in time; no daemon ran when the time was over"
		if left := last.Pending.Deadline.Left(now, maxWait); left > 0 {
			name := e.nameOf(last.Pending.Policy, file)
			force.current, err = e.compile(force.compiler, name, last.Pending.Policy, force.machine)
			if err == nil {
				e.mu.confirm.record = last
				e.log.Warn("the policy still waits to be confirmed", "left", left.Round(time.Second).String())
				return true, nil
			}
			why = "it does not load any more: " + err.Error()
		}
		last = last.Reject(why, now.Wall)
	}
	e.mu.confirm.record = last
	e.log.Warn("starting with the confirmed policy: the one in the file was rolled back",
		"policy", e.cfg.File.Name(), "why", last.Rejected.Why)
	name := e.nameOf(last.Confirmed, file)
	force.current, err = e.compile(force.compiler, name, last.Confirmed, force.machine)
	if err != nil {
		return false, fmt.Errorf("the confirmed policy: %w", err)
	}
	return true, nil
}

// nameOf is what the positions of a policy are called: the file, unless it says
// something else now.
func (e *Enforcer) nameOf(r, file source.Revision) string {
	if r.Same(file) {
		return e.cfg.File.Name()
	}
	return e.cfg.File.Name() + " (as confirmed)"
}

// keep makes a record the daemon's own and writes it down; the caller holds mu.
// Where that fails, unkept says so and the task of [Enforcer.Confirmations] tries
// again.
func (e *Enforcer) keep(r state.Record) {
	e.mu.confirm.record, e.mu.confirm.unkept = r, ""
	wake(e.deadline)
	if err := e.write(r); err != nil {
		e.mu.confirm.unkept = err.Error()
		e.log.Warn("cannot persist roll-back state", "error", err)
	}
}

// keepIDs writes down what the IDs are made of, once there is a daemon to give them.
func (e *Enforcer) keepIDs() {
	if err := state.KeepSeed(e.cfg.StateDir, e.disk.ids.Seed, e.disk.unseeded); err != nil {
		e.disk.idsNotKept = err.Error()
		e.log.Warn("the IDs of groups and rules are others than before, or may be after the next start",
			"error", err)
	}
}

// write brings the state directory in line with a record.
func (e *Enforcer) write(r state.Record) error {
	switch {
	case e.disk.store == nil:
		return nil
	case r.Plain():
		return e.disk.store.Clear()
	}
	return e.disk.store.Save(r)
}

// wake makes the task behind a channel look again.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}
