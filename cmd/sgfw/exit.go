package main

import (
	"errors"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/ssh"
	"sgfw/policy"
)

// exitCode is how the program ends. The numbers are part of its interface.
type exitCode int

const (
	exitOK      exitCode = 0
	exitFailed  exitCode = 1
	exitUsage   exitCode = 2
	exitInvalid exitCode = 3
	// exitNoDaemon: there is none, or it is stopped or hangs.
	exitNoDaemon exitCode = 4
	exitRefused  exitCode = 5
	// exitDifferent: policies were compared, and do not permit the same.
	exitDifferent exitCode = 6
	// exitFindings: an audit found something that it was told to fail on.
	exitFindings exitCode = 10
)

// usageError is misuse of the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// errInvalid says that a policy is invalid when its problems were printed already.
var errInvalid = errors.New("the policy is invalid")

// errRefused says that a guard of a subcommand said no.
var errRefused = errors.New("refused")

// errDifferent says that two policies are different when that was printed already.
var errDifferent = errors.New("the policies are different")

// errFindings says that an audit found something that it was told to fail on. Everything was
// printed already.
var errFindings = errors.New("the audit found something")

// codeOf is the exit code that an error stands for.
func codeOf(err error) exitCode {
	if err == nil {
		return exitOK
	}
	if f, ok := errors.AsType[*api.Failure](err); ok {
		switch f.Kind {
		case api.KindUsage:
			return exitUsage
		case api.KindInvalid:
			return exitInvalid
		case api.KindRefused:
			return exitRefused
		}
		return exitFailed
	}
	if errors.Is(err, errFindings) {
		return exitFindings
	}
	_, usage := errors.AsType[*usageError](err)
	switch {
	case usage, errors.Is(err, explain.ErrQuestion):
		return exitUsage
	case errors.Is(err, errDifferent):
		return exitDifferent
	case errors.Is(err, ssh.ErrLockout), errors.Is(err, errRefused):
		return exitRefused
	case policy.AsProblems(err) != nil, errors.Is(err, errInvalid):
		return exitInvalid
	case errors.Is(err, control.ErrNoDaemon), errors.Is(err, control.ErrUnresponsive):
		return exitNoDaemon
	}
	return exitFailed
}
