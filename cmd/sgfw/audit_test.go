package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/screen"
)

// auditing runs the program on a terminal of 80 columns.
func auditing(args ...string) (code exitCode, out, said string) {
	var b, e strings.Builder
	now := func() time.Time { return time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC) }
	p := &program{out: &b, err: &e, now: now, screen: screen.Screen{Width: 80}}
	code = p.run(append([]string{"audit"}, args...))
	return code, b.String(), e.String()
}

// sample is a Terraform file of an article.
const sample = "../../policy/terraform/testdata/seeds/sample.tf"

// auditPolicy is a policy with findings of every severity.
const auditPolicy = `version: 1
security_groups:
  - name: web
    description: Pages
    ingress:
      - description: Administration
        protocol: tcp
        ports: 22
        cidr_blocks: [0.0.0.0/1, 128.0.0.0/1]
      # sgfw:ignore open-risky until 2027-01-31: the old panel goes in January
      - description: Panel
        protocol: tcp
        ports: 8080
        cidr_blocks: [0.0.0.0/0]
        ipv6_cidr_blocks: ["::/0"]
      - protocol: tcp
        ports: 443
        cidr_blocks: [5.6.7.0/24, 10.0.0.0/8]
`

func auditFiles(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"p.yaml": auditPolicy, "drop.txt": "; Spamhaus DROP List 2026/06/01 - (c) 2026\n" +
			"; Last-Modified: " +
			"Mon, 01 Jun 2026 02:15:41 GMT\n5.6.0.0/16 ; SBL1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

// codesOf are codes with severity and line of the findings of a document.
func codesOf(t *testing.T, out string) map[string]string {
	t.Helper()
	var doc api.Audit
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := map[string]string{}
	for _, f := range doc.Findings {
		text := f.Severity
		if f.Location != nil {
			text = lineAndCol(f.Location) + " " + text
		}
		if found[f.Code] == "" {
			found[f.Code] = text
		}
	}
	return found
}

// lineAndCol is [line,col].
func lineAndCol(l *api.Location) string {
	b, _ := json.Marshal([]int{l.Line, l.Col})
	return string(b)
}

// TestAuditOfSample: the sample of an article, which opens SSH and ICMP to everybody, and knows
// no IPv6.
func TestAuditOfSample(t *testing.T) {
	code, out, said := auditing(sample, "-o", "json")
	if code != exitFindings {
		t.Fatalf("%d\n%s", code, said)
	}
	got := codesOf(t, out)
	for check, want := range map[string]string{
		"open-sensitive": "[11,3] high", "ping-open": "[35,3] medium", "family-gap": "[1,1] notice",
		"all-ports-out": "[43,3] notice", "no-description": "[11,3] low", "http-clear": "",
		"all-ports-in": "", "duplicate": "",
	} {
		if got[check] != want {
			t.Errorf("%s is %q, want %q", check, got[check], want)
		}
	}
	if !strings.Contains(out, `"CKV_AWS_24"`) {
		t.Error("other tools are not cited")
	}
}

// TestAuditExit: the exit code goes by --fail-on, --ignore and the comments.
func TestAuditExit(t *testing.T) {
	auditFiles(t)
	for _, tt := range []struct {
		args []string
		want exitCode
	}{
		{[]string{"p.yaml"}, exitFindings},
		{[]string{"p.yaml", "--fail-on", "none"}, exitOK},
		{[]string{"p.yaml", "--ignore", "open-sensitive"}, exitOK},
		{[]string{"p.yaml", "--ignore", "open-sensitive", "--fail-on", "low"}, exitFindings},
		{[]string{"p.yaml", "--ignore", "open-sensitive", "--reputation", "drop.txt"}, exitFindings},
		{[]string{"p.yaml", "--ignore", "nonsense"}, exitUsage},
		{[]string{"p.yaml", "--fail-on", "never"}, exitUsage},
		{[]string{"p.yaml", "--include", "db"}, exitUsage},
		{[]string{"drop.txt"}, exitInvalid},
		{[]string{"p.yaml", "--reputation", "p.yaml"}, exitInvalid},
		{[]string{"absent.yaml"}, exitFailed},
		{[]string{"--list"}, exitOK},
	} {
		if code, out, said := auditing(tt.args...); code != tt.want {
			t.Errorf("%v: %d\n%s\n%s", tt.args, code, out, said)
		}
	}
}

// TestAuditScreens: what people and code hosts get.
func TestAuditScreens(t *testing.T) {
	golden, err := filepath.Abs("testdata/audit")
	if err != nil {
		t.Fatal(err)
	}
	auditFiles(t)
	for name, args := range map[string][]string{
		"text.txt":    {"p.yaml", "--reputation", "drop.txt"},
		"list.txt":    {"--list"},
		"audit.md":    {"p.yaml", "--reputation", "drop.txt", "-o", "markdown"},
		"junit.xml":   {"p.yaml", "-o", "junit"},
		"audit.sarif": {"p.yaml", "-o", "sarif"},
	} {
		_, got, _ := auditing(args...)
		for line := range strings.Lines(got) {
			if strings.HasSuffix(name, ".txt") && screen.Width(strings.TrimRight(line, "\n")) > 80 {
				t.Errorf("%s is wider than 80: %s", name, line)
			}
		}
		path := filepath.Join(golden, name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(path); err != nil || got != string(want) {
			t.Errorf("%s (%v) is\n%s", name, err, got)
		}
	}
}

// TestAuditSARIF: the document has what the standard requires (SARIF 2.1.0) and what code
// hosts show it by.
func TestAuditSARIF(t *testing.T) {
	auditFiles(t)
	_, out, _ := auditing("p.yaml", "-o", "sarif")
	var log struct {
		Schema  string `json:"$schema"`
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string
					Rules []struct {
						ID               string
						ShortDescription struct{ Text string }
					}
				}
			}
			Results []struct {
				RuleID    string `json:"ruleId"`
				RuleIndex int
				Level     string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn int }
					}
				}
				PartialFingerprints map[string]string
				Suppressions        []struct{ Kind, Justification string }
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || !strings.Contains(log.Schema, "sarif-2.1.0") || len(log.Runs) != 1 ||
		log.Runs[0].Tool.Driver.Name != "sgfw" || len(log.Runs[0].Results) < 4 {
		t.Fatalf("the log is %s", out)
	}
	rules := log.Runs[0].Tool.Driver.Rules
	prints := map[string]bool{}
	suppressed := 0
	for _, r := range log.Runs[0].Results {
		at := r.Locations[0].PhysicalLocation
		if rules[r.RuleIndex].ID != r.RuleID || rules[r.RuleIndex].ShortDescription.Text == "" ||
			r.Message.Text == "" || !strings.Contains("error warning note", r.Level) ||
			at.ArtifactLocation.URI != "p.yaml" || at.Region.StartLine < 1 ||
			at.Region.StartColumn < 1 {
			t.Errorf("a result is %+v", r)
		}
		for _, s := range r.Suppressions {
			suppressed++
			if s.Kind != "inSource" || !strings.Contains(s.Justification, "old panel") ||
				r.RuleID != "open-risky" {
				t.Errorf("%s is suppressed by %+v", r.RuleID, s)
			}
		}
		if p := r.PartialFingerprints["sgfw/v1"]; p == "" || prints[p] {
			t.Errorf("fingerprint %q of %s is not its own", p, r.RuleID)
		} else {
			prints[p] = true
		}
	}
	if suppressed != 1 {
		t.Errorf("%d results are suppressed", suppressed)
	}
}

// TestAuditJUnit: as many tests and failures as the head says.
func TestAuditJUnit(t *testing.T) {
	auditFiles(t)
	_, out, _ := auditing("p.yaml", "-o", "junit")
	var s struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suite    struct {
			Cases []struct {
				Name    string    `xml:"name,attr"`
				Failure *struct{} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, c := range s.Suite.Cases {
		if c.Failure != nil {
			failed++
		}
	}
	if s.Tests != len(s.Suite.Cases) || s.Failures != failed || failed != 1 {
		t.Errorf("%d of %d cases failed: %s", failed, s.Tests, out)
	}
}
