package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sgfw/policy/file"
)

// today is the day of all tests.
var today = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// run audits the text of a policy file.
func run(t *testing.T, text string, o Options) *Report {
	t.Helper()
	p, _, err := file.Parse("p.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	o.Now = today
	o.Texts = map[string][]byte{"p.yaml": []byte(text)}
	return Run(p, o)
}

// group is a policy of one group with these rules, each a line of YAML, and whatever else.
func group(ingress, egress []string, more string) string {
	var b strings.Builder
	b.WriteString("version: 1\nsecurity_groups:\n  - name: web\n    description: Pages\n")
	for _, side := range []struct {
		key   string
		rules []string
	}{{"ingress", ingress}, {"egress", egress}} {
		if len(side.rules) == 0 {
			fmt.Fprintf(&b, "    %s: []\n", side.key)
			continue
		}
		fmt.Fprintf(&b, "    %s:\n", side.key)
		for _, r := range side.rules {
			fmt.Fprintf(&b, "      - { description: x, %s }\n", r)
		}
	}
	return b.String() + more
}

func in(rules ...string) string  { return group(rules, nil, "") }
func out(rules ...string) string { return group(nil, rules, "") }

// many are rules with ports from 30001 on: none is listed anywhere.
func many(n int, format string) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf(format, 30001+2*i))
	}
	return out
}

// sound: a finding says what and where.
func sound(t *testing.T, r *Report, text string) {
	t.Helper()
	lines := strings.Count(text, "\n")
	for _, f := range r.Findings {
		if f.Message == "" || f.Severity > f.Check.Severity || f.Pos.Line > lines {
			t.Errorf("%s at %s: %q, %s", f.Check.Code, f.Pos, f.Message, f.Severity)
		}
	}
}

func has(r *Report, code string) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Check.Code == code })
}

func found(r *Report) (out []string) {
	for _, f := range r.Findings {
		out = append(out, fmt.Sprintf("%s %s %s: %s", f.Check.Code, f.Pos, f.Rule, f.Message))
	}
	return out
}
