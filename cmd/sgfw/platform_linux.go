package main

import (
	"errors"

	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/doctor"
	"sgfw/cmd/internal/host/links"
	"sgfw/policy/member"
)

// liveFacts reads the links and addresses of this machine.
func liveMachine() (explain.Machine, error) {
	w, err := links.Open()
	if err != nil {
		return explain.Machine{}, err
	}
	defer w.Close()
	s, err := w.Read()
	return explain.Machine{Facts: s.Facts, Bridges: s.Bridges()}, err
}

// liveLinks reads the links of this machine, and which of them belong to others.
func liveLinks() ([]member.Link, map[string]doctor.Master, error) {
	w, err := links.Open()
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	s, err := w.Read()
	masters := make(map[string]doctor.Master, len(s.Masters))
	for name, m := range s.Masters {
		masters[name] = doctor.Master(m)
	}
	return s.Facts.Links, masters, err
}

// outwardDevices are those through which this machine reaches the world.
func outwardDevices() ([]string, error) { return links.Outward() }

// removeLeftovers removes the files of a dead daemon's control socket.
func removeLeftovers(socket string) error {
	if err := control.RemoveLeftovers(socket); !errors.Is(err, control.ErrRunning) {
		return err
	}
	return nil
}
