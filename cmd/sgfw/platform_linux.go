package main

import (
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/netwatch"
	"sgfw/policy/member"
)

// liveFacts reads the links and addresses of this machine.
func liveFacts() (member.Facts, error) {
	w, err := netwatch.Open()
	if err != nil {
		return member.Facts{}, err
	}
	defer w.Close()
	s, err := w.Read()
	return s.Facts, err
}

// daemonHolds says whether a daemon lives behind the control socket.
func daemonHolds(socket string) (pid int, held bool) { return control.Locked(socket) }
