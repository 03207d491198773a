package audit

import (
	"fmt"
	"strings"
	"testing"

	"sgfw/policy/file"
)

// TestRaisedQuotas: a quota that an import has raised to what the policy uses is nobody's, and
// so it is no finding that it is used up. The usual ones are told of all policies.
func TestRaisedQuotas(t *testing.T) {
	for _, c := range []struct {
		rules, quota int
		raised, want bool
	}{
		{70, 70, false, true},
		{70, 70, true, false},
		{55, 60, false, true},
		{55, 60, true, true},
		{20, 60, true, false},
	} {
		text := fmt.Sprintf("version: 1\nquotas: { rules_per_security_group: %d }\n"+
			"security_groups:\n  - name: a\n    description: A\n    ingress:\n", c.quota) +
			strings.Join(many(c.rules,
				"      - { description: d, protocol: tcp, ports: %d, cidr_blocks: [10.0.0.0/24] }\n"), "")
		p, problems, err := file.Parse("p.yaml", []byte(text))
		if err != nil {
			t.Fatal(problems)
		}
		told := false
		for _, f := range Run(p, Options{Raised: c.raised}).Findings {
			told = told || f.Check.Code == nearQuota
		}
		if told != c.want {
			t.Errorf("%+v: told %t", c, told)
		}
	}
}
