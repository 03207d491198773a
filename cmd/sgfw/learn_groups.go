package main

import (
	"errors"
	"fmt"
	"slices"

	"sgfw/policy"
	"sgfw/policy/learn"
)

// nameGroups gives each device a name of a group.
func (l *lesson) nameGroups() error {
	switch {
	case len(l.groups) == 0:
		l.groups = []string{"learned"}
	case len(l.groups) > 1 && len(l.groups) != len(l.devices):
		return &usageError{fmt.Errorf("%s for %s: name one for each, or one for all",
			count(len(l.groups), "group"), count(len(l.devices), "device"))}
	}
	if len(l.groups) < len(l.devices) {
		base := l.groups[0]
		l.groups = nil
		for _, d := range l.devices {
			l.groups = append(l.groups, base+"-"+d)
		}
	}
	return l.checkGroups()
}

// checkGroups refuses names that no policy can have, before anything is watched.
func (l *lesson) checkGroups() error {
	for i, name := range l.groups {
		if slices.Contains(l.groups[:i], name) {
			return &usageError{fmt.Errorf("--group %s is there twice: each device has a group of its own",
				name)}
		}
	}
	r := learn.NewRecord().Policy(learn.Options{Devices: l.watched()})
	for _, problem := range r.Problems.Of(policy.SeverityError) {
		problem.Pos = policy.Pos{}
		return &usageError{errors.New("--group: " + problem.Error())}
	}
	return nil
}

// watched are the devices with their groups.
func (l *lesson) watched() (out []learn.Device) {
	for i, d := range l.devices {
		out = append(out, learn.Device{Name: d, Group: l.groups[i]})
	}
	return out
}
