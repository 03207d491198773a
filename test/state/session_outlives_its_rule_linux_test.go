package state

import (
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestSessionOutlivesItsRule takes away what admitted live flows, in each way that
// a policy has: they live on, nothing new comes about, and what comes back by a
// later reload works at once (T15, T16, T17, T18, rows 8, 11 and 14). In the
// policies before, each direction opens only what the other one then answers.
func TestSessionOutlivesItsRule(t *testing.T) {
	parity.Proves(t, "T15", "T17")
	wide := strings.Join(append([]string{
		harness.Allow("tcp", harness.Inward), harness.Allow("udp", harness.Inward)},
		harness.AllowPing()...), ", ")
	wideOut := strings.Join(append(
		[]string{harness.Allow("tcp", harness.Outward), harness.Allow("udp", harness.Outward)},
		harness.AllowPing()...), ", ")
	byRule := harness.PolicyWith([]string{wide}, []string{wideOut})

	// Everything by prefix lists, which lose the entry of the other host.
	byList := strings.NewReplacer(
		`cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"]`, `prefix_lists: [all4, all6]`,
		`ipv6_cidr_blocks: ["::/0"]`, `prefix_lists: [all6]`, `cidr_blocks: [0.0.0.0/0]`,
		`prefix_lists: [all4]`,
		"version: 1\n", `version: 1
prefix_lists:
  - name: all4
    entries: [{ cidr: 192.0.2.0/24 }]
  - name: all6
    entries: [{ cidr: "2001:db8::/64" }]
`).Replace(byRule)
	otherList := strings.NewReplacer("192.0.2.0/24", "192.0.2.128/25", "2001:db8::/64",
		"2001:db8:0:1::/64").Replace(byList)

	// A second group that allows nothing stays when the first one goes.
	byGroup := strings.NewReplacer(
		"interfaces:", "  - name: empty\n    description: Nothing\n    ingress: []\n    egress: "+
			"[]\ninterfaces:",
		"security_groups: [state]", "security_groups: [state, empty]").Replace(byRule)
	otherGroup := strings.Replace(byGroup, "security_groups: [state, empty]",
		"security_groups: [empty]", 1)

	// Narrowed instead of removed: another port, another address.
	narrowed := strings.NewReplacer("ports: 7000", "ports: 17000", "ports: 7001", "ports: 17001",
		"0.0.0.0/0", "198.51.100.0/24", "::/0", "2001:db8:ffff::/48").Replace(byRule)

	for _, c := range []struct{ name, before, after string }{
		{"the rule removed", byRule, harness.Closed},
		{"the rule narrowed", byRule, narrowed},
		{"the entry off the prefix list", byList, otherList},
		{"the group off the interface", byGroup, otherGroup},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
			d := harness.Enforce(t, server.Host(), c.before)
			serveSessions(t, client, server)
			open := openSessions(t, client, server)

			d.Reload(c.after)
			harness.Run(t, harness.AllDrop(newFlows(t, client, server)))
			for range 2 {
				for _, s := range open {
					if !s.Alive() {
						t.Errorf("%s: did not outlive its rule", s.What)
					}
				}
			}
			d.Reload(c.before)
			harness.Run(t, harness.AllPass(newFlows(t, client, server)))
		})
	}
}
