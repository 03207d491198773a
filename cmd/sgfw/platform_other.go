//go:build !linux

package main

import (
	"errors"

	"sgfw/cmd/internal/host/links"
)

func liveLinks() (links.Snapshot, error) { return links.Snapshot{}, errors.ErrUnsupported }

func removeLeftovers(string) error { return nil }

// outwardDevices knows none here.
func outwardDevices() ([]string, error) { return nil, nil }
