package architecture

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// reports is the page of other firewalls' public bug reports.
const reports = "docs/decisions/other-firewalls-reports.md"

var (
	// reference is a report's number and where it stands.
	reference = regexp.MustCompile(`\[([\w.-]+/[\w.-]+)#(\d+)\]` +
		`\(https://github\.com/([\w.-]+/[\w.-]+)/(?:issues|pull)/(\d+)\)`)
	namedTest = regexp.MustCompile("^`([\\w/]+)\\.(Test\\w+)`$")
)

// TestReports: every kind of report on the page names tests that exist, and its numbers
// are those of its links.
func TestReports(t *testing.T) {
	kinds := 0
	for line := range strings.Lines(read(t, reports)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if !strings.HasPrefix(cells[0], "| **") {
			continue
		}
		kinds++
		if len(cells) != 3 {
			t.Errorf("%s has %d cells, want 3", cells[0], len(cells))
			continue
		}
		found := reference.FindAllStringSubmatch(cells[0], -1)
		for _, m := range found {
			if m[1] != m[3] || m[2] != m[4] {
				t.Errorf("%s#%s leads to %s#%s", m[1], m[2], m[3], m[4])
			}
		}
		if strings.Count(cells[0], "](") != len(found) {
			t.Errorf("%s: a link that is no report", cells[0])
		}
		for name := range strings.SplitSeq(strings.TrimSuffix(cells[2], " |"), "<br>") {
			m := namedTest.FindStringSubmatch(name)
			if m == nil {
				t.Errorf("%s: %q is no test", cells[0], name)
			} else if !hasTest(t, m[1], m[2]) {
				t.Errorf("%s: there is no %s", cells[0], name)
			}
		}
	}
	if kinds < 40 {
		t.Errorf("only %d kinds of reports were found", kinds)
	}
}

// hasTest reports whether a package has a test of that name.
func hasTest(t *testing.T, pkg, name string) bool {
	t.Helper()
	sources, err := fs.Glob(os.DirFS(root), pkg+"/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		if strings.Contains(read(t, source), fmt.Sprintf("\nfunc %s(t *testing.T) {", name)) {
			return true
		}
	}
	return false
}
