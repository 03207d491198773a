//go:build !linux

package main

import (
	"errors"

	"sgfw/cmd/internal/host/links"
)

// noFollow is no flag: nothing is captured here.
const noFollow = 0

func liveLinks() (links.Snapshot, error) { return links.Snapshot{}, errors.ErrUnsupported }

func removeLeftovers(string) error { return nil }

// outwardDevices knows none here.
func outwardDevices() ([]string, error) { return nil, nil }
