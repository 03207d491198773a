package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"sgfw/test/parity/claims"
)

// invert tries each inversion of a claim whose mutant, handle or test matches
// against the test that proves the claim, and fails unless each of them fails.
func invert(pattern *regexp.Regexp) error {
	dir, err := os.MkdirTemp("", "sgfw-claims")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := buildRooms(dir); err != nil {
		return err
	}
	byName := make(map[string]*mutant, len(mutants))
	for i := range mutants {
		byName[mutants[i].name] = &mutants[i]
	}
	var shown, not int
	for _, i := range claims.Inverted {
		if !pattern.MatchString(i.Handle + " " + i.Mutant + " " + i.Test) {
			continue
		}
		m := byName[i.Mutant]
		if m == nil {
			return fmt.Errorf("%s: no mutant is called %s", i.Handle, i.Mutant)
		}
		fails, err := m.fails(dir, i.Test)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", i.Mutant, err)
		case fails:
			shown++
			fmt.Printf("fails   %-8s %s with %s\n", i.Handle, i.Test, i.Mutant)
		default:
			not++
			fmt.Printf("PASSES  %-8s %s with %s\n", i.Handle, i.Test, i.Mutant)
		}
	}
	fmt.Printf("%d tests fail when their claim is inverted, %d do not\n", shown, not)
	if not > 0 {
		return fmt.Errorf("%d tests do not prove what they claim", not)
	}
	return nil
}

// fails reports whether a test, named as in the table, fails with the fault.
func (m *mutant) fails(dir, test string) (bool, error) {
	dot := strings.LastIndex(test, ".Test")
	if dot < 0 {
		return false, fmt.Errorf("%q is no test", test)
	}
	pkg, only := test[:dot], exactly(test[dot+1:])
	var out []byte
	if r, ok := roomOf(pkg, test[dot+1:]); ok {
		_, program, err := m.build(dir)
		if err != nil {
			return false, err
		}
		out, err = r.test(dir, program, only)
		return failed(test, out, err)
	}
	overlay, err := m.overlay(dir)
	if err != nil {
		return false, err
	}
	out, err = exec.Command("go", "test", "-count=1", "-overlay", overlay, "./"+pkg,
		"-run="+only).CombinedOutput()
	return failed(test, out, err)
}

// failed tells from what a run of one test printed whether the test failed. A run that
// ended otherwise is an error.
func failed(test string, out []byte, err error) (bool, error) {
	if err != nil && !strings.Contains(string(out), "--- FAIL: ") {
		return false, fmt.Errorf("%s: %w\n%s", test, err, out)
	}
	return err != nil, nil
}

// roomOf finds the room of a black-box test; other tests hold the code themselves.
func roomOf(pkg, test string) (room, bool) {
	for _, r := range rooms {
		if pkg == "test/"+r.name && (r.only == "" || regexp.MustCompile(r.only).MatchString(test)) {
			return r, true
		}
	}
	return room{}, false
}

// exactly is the pattern for one test or subtest.
func exactly(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}
