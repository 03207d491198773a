package file

import (
	"fmt"
	"strings"
	"testing"
)

// TestProductOfLists: a block stands for the product of its ports and peers, which a small
// file can make larger than any memory. It is refused before there are any rules.
func TestProductOfLists(t *testing.T) {
	list := func(n int, item func(i int) string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(i)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	text := func(ports, peers int) []byte {
		return []byte("version: 1\n" +
			"quotas: { rules_per_security_group: 1000, security_groups_per_interface: 1 }\n" +
			"security_groups:\n" +
			"  - name: g\n    ingress:\n      - protocol: tcp\n        ports: " +
			list(ports, func(i int) string { return fmt.Sprint(i + 1) }) + "\n        cidr_blocks: " +
			list(peers, func(i int) string { return fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255) }) +
			"\ninterfaces:\n  - { device: eth0, security_groups: [g] }\n")
	}
	_, problems, err := Parse("p.yaml", text(20_000, 20_000))
	if err == nil || !strings.Contains(err.Error(), "20000 ports for 20000 peers") ||
		!strings.Contains(err.Error(), "p.yaml:6:9") {
		t.Errorf("%v, %d problems", err, len(problems))
	}
	p, _, err := Parse("p.yaml", text(20, 30))
	if err != nil || len(p.Groups[0].Ingress) != 600 {
		t.Errorf("20 ports for 30 peers: %v", err)
	}
}
