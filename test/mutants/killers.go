package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// killersFile names the test that killed each mutant last, a line each.
const killersFile = "test/mutants/killers.tsv"

// killer is a test that fails with a mutant. The zero value is none.
type killer struct{ pkg, test string }

// String is the test as the table of claims names it.
func (k killer) String() string { return k.pkg + "." + k.test }

// readKillers returns what killed each mutant last.
func readKillers() (map[string]killer, error) {
	out := make(map[string]killer)
	b, err := os.ReadFile(killersFile)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("%s: %q is not a mutant, a package and a test", killersFile, line)
		}
		out[f[0]] = killer{pkg: f[1], test: f[2]}
	}
	return out, nil
}

// writeKillers replaces the file; mutants that are no more are left out.
func writeKillers(killers map[string]killer) error {
	var lines []string
	for _, m := range mutants {
		if k := killers[m.name]; k.test != "" && k.test != "unknown" {
			lines = append(lines, fmt.Sprintf("%s\t%s\t%s\n", m.name, k.pkg, k.test))
		}
	}
	slices.Sort(lines)
	return os.WriteFile(killersFile, []byte(strings.Join(lines, "")), 0o644)
}
