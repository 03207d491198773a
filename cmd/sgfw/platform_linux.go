package main

import (
	"errors"

	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/host/links"
)

// liveLinks reads the links of this machine.
func liveLinks() (links.Snapshot, error) {
	w, err := links.Open()
	if err != nil {
		return links.Snapshot{}, err
	}
	defer w.Close()
	return w.Read()
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
