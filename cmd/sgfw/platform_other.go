//go:build !linux

package main

import (
	"errors"

	"sgfw/cmd/internal/explain"
	"sgfw/cmd/internal/host/doctor"
	"sgfw/policy/member"
)

func liveMachine() (explain.Machine, error) { return explain.Machine{}, errors.ErrUnsupported }

func liveLinks() ([]member.Link, map[string]doctor.Master, error) {
	return nil, nil, errors.ErrUnsupported
}

func removeLeftovers(string) error { return nil }

// outwardDevices knows none here.
func outwardDevices() ([]string, error) { return nil, nil }
