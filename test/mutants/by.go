package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
)

// runBy lists the mutants that the tests of one package alone notice, and those
// that they do not: most packages have no business with most mutants.
func runBy(pattern *regexp.Regexp, pkg string) error {
	dir, err := os.MkdirTemp("", "sgfw-mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, m := range mutants {
		if !pattern.MatchString(m.name) {
			continue
		}
		overlay, err := m.overlay(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if by := testWith(overlay, pkg); by.test != "" {
			fmt.Printf("killed  %-28s by %s\n", m.name, by)
		} else {
			fmt.Printf("unseen  %-28s %s\n", m.name, m.what)
		}
	}
	return nil
}

// testWith says which test of the package fails with an overlay, if one does.
func testWith(overlay, pkg string) killer {
	out, err := exec.Command("go", "test", "-overlay", overlay, "-failfast", pkg).CombinedOutput()
	if err == nil {
		return killer{}
	}
	return firstFailure(out, pkg)
}
