package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"sgfw/cmd/internal/api"
	"sgfw/policy/audit"
)

// twoGroups has a finding of each severity: high and low in web, high, medium and notice in db.
const twoGroups = `version: 1
security_groups:
  - name: web
    description: Pages
    egress: []
    ingress:
      # sgfw:ignore open-sensitive until 2026-06-15: the last day is today
      - { protocol: tcp, ports: 22, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
  - name: db
    description: Data
    egress: []
    ingress:
      # sgfw:ignore open-sensitive until 2026-06-14: it was yesterday
      - { description: A, protocol: tcp, ports: 3306, cidr_blocks: [0.0.0.0/0] }
      - { description: B, protocol: tcp, ports: 8080, cidr_blocks: [0.0.0.0/0] }
`

// TestAuditFlags: --include, --ignore and comments choose what is told, and --fail-on what it
// fails for; what is not told is counted and named.
func TestAuditFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("p.yaml", []byte(twoGroups), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args    string
		code    exitCode
		found   string
		ignored string
	}{
		{"", exitFindings, "db/bad-ignore db/family-gap db/open-risky db/open-sensitive " +
			"web/no-description", "web/open-sensitive until 2026-06-15: the last day is today"},
		{"--include web", exitOK, "web/no-description",
			"web/open-sensitive until 2026-06-15: the last day is today"},
		{"--include db,web --ignore open-sensitive", exitOK, "db/bad-ignore db/family-gap " +
			"db/open-risky web/no-description", "db/open-sensitive until :  " +
			"web/open-sensitive until : "},
		{"--ignore open-sensitive,open-risky --fail-on medium", exitOK, "", ""},
		{"--ignore open-sensitive,open-risky --fail-on low", exitFindings, "", ""},
		{"--ignore open-sensitive --fail-on medium", exitFindings, "", ""},
		{"--include web --fail-on low", exitFindings, "", ""},
		{"--include web --ignore no-description --fail-on notice", exitOK, "", ""},
		{"--fail-on none", exitOK, "", ""},
	} {
		code, out, said := auditing(append(strings.Fields(tt.args), "p.yaml", "-o", "json")...)
		var doc api.Audit
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatalf("%s: %v %s", tt.args, err, said)
		}
		var found, ignored []string
		for _, f := range doc.Findings {
			group := f.Group
			if f.Code == "bad-ignore" { // which is about a line
				group = "db"
			}
			found = append(found, group+"/"+f.Code)
		}
		for _, f := range doc.Ignored {
			ignored = append(ignored, f.Group+"/"+f.Code+" until "+f.Until+": "+f.Reason)
		}
		slices.Sort(found)
		slices.Sort(ignored)
		if code != tt.code || tt.found != "" && (strings.Join(found, " ") != tt.found ||
			strings.Join(ignored, " ") != tt.ignored) {
			t.Errorf("%s: exit %d, %q, ignored %q", tt.args, code, found, ignored)
		}
		if doc.Summary.Ignored != len(doc.Ignored) {
			t.Errorf("%s: %d of %d ignored findings are counted", tt.args, doc.Summary.Ignored,
				len(doc.Ignored))
		}
	}
}

// TestAuditList: --list has each check once, in both forms, and reads no file.
func TestAuditList(t *testing.T) {
	t.Chdir(t.TempDir())
	code, out, said := auditing("--list")
	_, document, _ := auditing("--list", "-o", "json")
	var doc api.Audit
	if err := json.Unmarshal([]byte(document), &doc); err != nil || code != exitOK {
		t.Fatalf("%d %v %s", code, err, said)
	}
	lines := strings.Split(out, "\n")
	for i, c := range audit.Checks() {
		n := 0
		for _, line := range lines {
			if strings.HasPrefix(line, c.Code+" ") {
				n++
			}
		}
		if n != 1 || doc.Checks[i].Code != c.Code || doc.Checks[i].Why == "" || doc.Checks[i].Do == "" {
			t.Errorf("%s is listed %d times", c.Code, n)
		}
	}
	if len(doc.Checks) != len(audit.Checks()) {
		t.Errorf("%d checks of %d", len(doc.Checks), len(audit.Checks()))
	}
}
