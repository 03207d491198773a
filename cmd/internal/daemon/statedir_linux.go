package daemon

import (
	"errors"
	"fmt"
	"os"

	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/host/process"
	"sgfw/cmd/internal/state"
)

// ErrStateInUse says that another daemon uses the state directory.
var ErrStateInUse = errors.New("the state directory is in use")

// stateDir is the state directory while this daemon is the one that uses it. The zero
// value holds nothing.
type stateDir struct {
	path string
	lock *process.Lock
	made bool // by this daemon
	// without is true once it is gone on without, which was told.
	without bool
}

// hold makes the state directory this daemon's alone, and makes it if need be. One that
// cannot be locked cannot be written to either, and is gone on without: what that costs is
// told where something is to be written.
func (d *daemon) hold() error {
	s := &d.stateDir
	if s.path == "" || s.lock != nil || s.without {
		return nil
	}
	made, err := state.Prepare(s.path)
	if err != nil {
		s.without = true
		d.log.Warn("the state directory cannot be used", "error", err)
		return nil
	}
	s.made = s.made || made
	s.lock, err = process.Take(state.LockOf(s.path))
	if held, ok := errors.AsType[*process.HeldError](err); ok {
		if running := control.Running(d.cfg.Socket); running != nil {
			return running // a daemon that holds both is in the way as a daemon
		}
		return inUse(s.path, held.Holder)
	}
	if err != nil {
		s.without = true
		d.log.Warn("the state directory cannot be locked", "directory", s.path, "error", err)
	}
	return nil
}

// inUse is the error that names who uses a state directory.
func inUse(dir string, by process.Process) error {
	who := fmt.Sprintf("%s uses %s", by, dir)
	if by.Stopped() {
		who += " (" + by.Described() + ")"
	}
	switch own := process.Own(); {
	case by.Network.Same(own):
		return fmt.Errorf("%w: %w: %s (hint: a network namespace has one daemon: stop that one first)",
			control.ErrRunning, ErrStateInUse, who)
	case by.Network.Other(own):
		who += ", in another network namespace: " + by.Network.String()
	}
	return fmt.Errorf("%w: %s (hint: give this daemon another one: --state-dir DIR)", ErrStateInUse,
		who)
}

// release lets go of the directory, and removes it if nothing was written to it.
func (s *stateDir) release() {
	if s.lock == nil {
		return
	}
	// The kernel drops the lock if nothing else does.
	_ = s.lock.Release()
	s.lock = nil
	if s.made {
		_ = os.Remove(s.path) // which fails unless it is empty
	}
}
