//go:build !linux

package main

import (
	"errors"

	"sgfw/policy/member"
)

func liveFacts() (member.Facts, error) { return member.Facts{}, errors.ErrUnsupported }

func daemonHolds(string) (pid int, held bool) { return 0, false }
