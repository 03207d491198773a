package architecture

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// packageList is a list of packages in the Makefile; lists may name others.
var packageList = regexp.MustCompile(`(?m)^(QUICK|KERNEL|REAL) +:= (.+)$`)

// TestEveryPackageIsTested: the lists of `make test` have every package of the repository,
// and each one once. What is in no list has tests that nobody runs.
func TestEveryPackageIsTested(t *testing.T) {
	lists := make(map[string]string)
	for _, m := range packageList.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		lists[m[1]] = m[2]
	}
	var patterns []string
	for _, name := range []string{"QUICK", "REAL"} {
		text := lists[name]
		if text == "" {
			t.Fatalf("the Makefile has no %s", name)
		}
		text = strings.ReplaceAll(text, "$(KERNEL)", lists["KERNEL"])
		for _, p := range strings.Fields(text) {
			patterns = append(patterns, "sgfw/"+strings.TrimPrefix(p, "./"))
		}
	}
	var run []string
	for _, p := range patterns {
		for _, pkg := range goList(t, p) {
			if slices.Contains(run, pkg) {
				t.Errorf("%s is run twice", pkg)
			}
			run = append(run, pkg)
		}
	}
	for _, pkg := range goList(t, "sgfw/...") {
		if !slices.Contains(run, pkg) {
			t.Errorf("make test leaves %s out: add it to QUICK or REAL in the Makefile", pkg)
		}
	}
}
