package main

import (
	"errors"
	"fmt"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
)

// absentError says that no daemon answers, and what the machine is without one.
type absentError struct {
	err     error
	remains api.Remains
}

// Error says both.
func (e *absentError) Error() string {
	what, hint := remainsText(e.remains)
	if hint != "" {
		what += " (hint: " + hint + ")"
	}
	return e.err.Error() + "\n" + what
}

func (e *absentError) Unwrap() error { return e.err }

// absent adds to the error of a command that found no daemon what is without one.
func (p *program) absent(err error) error {
	// One that ends is about to take its table with it.
	if p.remains == nil || !errors.Is(err, control.ErrNoDaemon) || errors.Is(err, control.ErrEnded) {
		return err
	}
	return &absentError{err: err, remains: p.remains()}
}

// remainsText says what is without a daemon, and what to do.
func remainsText(r api.Remains) (what, hint string) {
	tables := strings.Join(r.Tables, " and ")
	switch r.State {
	case api.RemainsNothing:
		return "nothing is filtered in this network namespace: no table of sgfw is there", ""
	case api.RemainsClosed:
		return fmt.Sprintf("the machine is closed: %s is still there, and drops what goes in or out "+
				"through %s, but failsafes", tables, devicesText(r.Devices)),
			"sgfw run enforces again, sgfw cleanup opens it"
	case api.RemainsOpen:
		return fmt.Sprintf("the machine is open: %s is still there, and lets everything pass", tables),
			"sgfw run enforces again, sgfw cleanup removes it"
	case api.RemainsHeld:
		holder := "a process"
		if r.PID != 0 {
			holder = fmt.Sprintf("PID %d", r.PID)
		}
		if r.Process != "" {
			holder += fmt.Sprintf(" (%s)", r.Process)
		}
		what = fmt.Sprintf("%s of this network namespace belongs to %s", tables, holder)
		if len(r.Sockets) == 0 {
			return what, "it starts, stops, or has lost its socket"
		}
		return what + ", which listens on " + strings.Join(r.Sockets, ", "),
			"--socket " + r.Sockets[0] + ", or " + socketVariable
	}
	return "whether the machine is open or closed cannot be seen: " + r.Why, "sudo sgfw status"
}

// maxDevices is how many devices are named in a sentence.
const maxDevices = 8

// devicesText lists devices.
func devicesText(devices []string) string {
	if len(devices) > maxDevices {
		more := fmt.Sprintf("and %d more", len(devices)-maxDevices)
		devices = append(devices[:maxDevices:maxDevices], more)
	}
	text := strings.Join(devices, ", ")
	if text == "*" {
		return "any device"
	}
	return text
}
