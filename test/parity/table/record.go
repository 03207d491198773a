package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// record is what a run of the tests left behind: for each handle the tests that
// name it and how they ended.
type record map[string]map[string]outcome

// outcome is how a test ended. A test that ran several times, as one of two
// programs may, has the worst of its outcomes.
type outcome uint8

const (
	passed outcome = iota
	skipped
	failed
)

var outcomes = map[string]outcome{"pass": passed, "skip": skipped, "fail": failed}

func (o outcome) String() string { return [...]string{"passed", "was skipped", "failed"}[o] }

// readRecord reads lines of handle, package, test and outcome, as package parity
// writes them.
func readRecord(from io.Reader) (record, error) {
	r := make(record)
	lines := bufio.NewScanner(from)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 4 {
			return nil, fmt.Errorf("line %d has %d fields, want 4", n, len(fields))
		}
		o, ok := outcomes[fields[3]]
		if !ok {
			return nil, fmt.Errorf("line %d: unknown outcome %q", n, fields[3])
		}
		handle, test := fields[0], strings.TrimPrefix(fields[1], "sgfw/")+"."+fields[2]
		if r[handle] == nil {
			r[handle] = make(map[string]outcome)
		}
		r[handle][test] = max(r[handle][test], o)
	}
	return r, lines.Err()
}

// tests returns the tests that name a handle, in order.
func (r record) tests(handle string) []string {
	return slices.Sorted(maps.Keys(r[handle]))
}
