//go:build !linux

package main

import (
	"errors"

	"sgfw/cmd/internal/host/doctor"
	"sgfw/policy/member"
)

func liveFacts() (member.Facts, error) { return member.Facts{}, errors.ErrUnsupported }

func liveLinks() ([]member.Link, map[string]doctor.Master, error) {
	return nil, nil, errors.ErrUnsupported
}

func removeLeftovers(string) error { return nil }

// outwardDevices knows none here.
func outwardDevices() ([]string, error) { return nil, nil }
