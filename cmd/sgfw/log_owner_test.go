package main

import (
	"slices"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
)

// TestLineOfSeveralDrops: a line of several drops names the program as that of the last one:
// the others may be of another program.
func TestLineOfSeveralDrops(t *testing.T) {
	first := time.Unix(0, 0)
	for count, want := range map[uint64]string{1: "by curl (pid 7)", 2: "last by curl (pid 7)"} {
		r := api.LogRecord{Count: count, First: &first, Process: &api.Process{Name: "curl", PID: 7}}
		if got := new(program).lineParts(r, false); !slices.Contains(got, want) {
			t.Errorf("%d drops: %q, want %q", count, got, want)
		}
	}
}
