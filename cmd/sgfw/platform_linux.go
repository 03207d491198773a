package main

import (
	"errors"

	"golang.org/x/sys/unix"

	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/host/links"
)

// noFollow is the flag of open that refuses a symbolic link.
const noFollow = unix.O_NOFOLLOW

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
