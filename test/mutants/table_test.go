package main

import (
	"os"
	"strings"
	"testing"

	"sgfw/test/parity/claims"
)

// TestAnchors: each mutant's text stands in its file exactly once, so that a
// change of the code cannot quietly retire a mutant.
func TestAnchors(t *testing.T) {
	t.Chdir("../..")
	names := make(map[string]bool)
	for _, m := range mutants {
		if names[m.name] {
			t.Errorf("two mutants are called %s", m.name)
		}
		names[m.name] = true
		source, err := os.ReadFile(m.file)
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("%s: %s has the text %d times, want once:\n%s", m.name, m.file, n, m.old)
		}
		if m.old == m.new {
			t.Errorf("%s changes nothing", m.name)
		}
	}
}

// TestClaimsHaveTheirMutants: each fault that is said to invert a claim is in the
// table.
func TestClaimsHaveTheirMutants(t *testing.T) {
	names := make(map[string]bool)
	for _, m := range mutants {
		names[m.name] = true
	}
	for _, i := range claims.Inverted {
		if !names[i.Mutant] {
			t.Errorf("%s: no mutant is called %s", i.Handle, i.Mutant)
		}
	}
}
