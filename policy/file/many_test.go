//go:build !race

package file

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// manyRules is a policy of n rules, 60 in each group.
func manyRules(n int, rule string) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nsecurity_groups:\n")
	for i := range n {
		if i%60 == 0 {
			fmt.Fprintf(&b, "  - name: group-%d\n    description: Group %[1]d\n    ingress:\n", i/60)
		}
		fmt.Fprintf(&b, rule, 1+i%60, i>>8&255, i&255)
	}
	b.WriteString("interfaces:\n  - { device: eth0, security_groups: [group-0] }\n")
	return []byte(b.String())
}

// TestManyRules: 100,000 rules are read, in each of the ways in which people and programs
// write them, with the default quotas and less than the memory that maxStructure stands
// for.
func TestManyRules(t *testing.T) {
	const n = 100_000
	for name, rule := range map[string]string{
		"lines": "      - { protocol: tcp, ports: %d, cidr_blocks: [10.0.%d.%d/32], " +
			"description: Rule for the office }\n",
		"blocks": "      - protocol: tcp\n        from_port: %d\n        to_port: %[1]d\n" +
			"        cidr_blocks:\n          - 10.0.%[2]d.%[3]d/32\n" +
			"        description: Rule for the office, with all that its people wanted to say of it\n",
		"JSON": `      - {"protocol": "tcp", "from_port": %d, "to_port": %[1]d, ` +
			`"cidr_blocks": ["10.0.%[2]d.%[3]d/32"]}` + "\n",
	} {
		text := manyRules(n, rule)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, problems, err := Parse("", text)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Errorf("%s: %v", name, problems.Err())
			continue
		}
		rules := 0
		for i := range p.Groups {
			rules += len(p.Groups[i].Ingress)
		}
		if rules != n {
			t.Errorf("%s: %d rules", name, rules)
		}
		if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 600 {
			t.Errorf("%s: %d MB", name, used)
		}
	}
}
