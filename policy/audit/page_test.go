package audit

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of checks in docs/audit.md anew")

const (
	pagePath  = "../../docs/audit.md"
	pageBegin = "<!-- Generated from the table of checks: " +
		"go test ./policy/audit -run Page -update -->\n"
	pageEnd = "<!-- End of the generated part. -->\n"
)

// page is the tables of checks and ports in Markdown.
func page() string {
	var b strings.Builder
	list := func(codes []string) string {
		short := make([]string, len(codes))
		for i, c := range codes {
			short[i] = "`" + strings.Replace(c, prowler, "…", 1) + "`"
		}
		return strings.Join(short, " ")
	}
	b.WriteString("\n| code | severity | finds | Checkov, Trivy | Prowler | AWS, CIS |\n" +
		"|---|---|---|---|---|---|\n")
	for _, c := range Checks() {
		also := c.Codes()
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", c.Code, c.Severity, c.Title,
			list(slices.Concat(also.Checkov, also.Trivy)), list(also.Prowler),
			list(slices.Concat(also.AWS, also.CIS)))
	}
	fmt.Fprintf(&b, "\nProwler's codes that begin with … begin with `%s`.\n\n", prowler)
	b.WriteString("| ports | check |\n|---|---|\n")
	for _, code := range []string{openSensitive, openRisky, openAmplifier} {
		var ports []string
		for i := range services {
			if services[i].check == code {
				ports = append(ports, services[i].String())
			}
		}
		fmt.Fprintf(&b, "| %s | `%s` |\n", strings.Join(ports, ", "), code)
	}
	return b.String() + "\n"
}

// TestPageIsCurrent compares the tables in docs/audit.md with the code;
// `go test ./policy/audit -run Page -update` writes them.
func TestPageIsCurrent(t *testing.T) {
	data, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(data), pageBegin)
	got, after, ends := strings.Cut(rest, pageEnd)
	if !begins || !ends {
		t.Fatal("docs/audit.md has no place for the tables")
	}
	if want := page(); *update {
		text := before + pageBegin + want + pageEnd + after
		if err := os.WriteFile(pagePath, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got != want {
		t.Error("docs/audit.md is not what the table says: go test ./policy/audit -run Page -update")
	}
}

// TestTable: every check says all that people need, once, and the worst come first.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	last := High
	for _, c := range Checks() {
		if c.Title == "" || c.Why == "" || c.Do == "" || seen[c.Code] || c.Severity > last {
			t.Errorf("check %+v", c)
		}
		seen[c.Code], last = true, c.Severity
	}
	for i := range services {
		if s := &services[i]; !seen[s.check] || s.from > s.to || s.severity > Of(s.check).Severity {
			t.Errorf("%s is of %s, %s", s, s.check, s.severity)
		}
	}
}
