package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/harness"
	"sgfw/test/parity"
)

// everyone is a rule that opens a gate.
const everyone = `{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`

// opening is a policy that would open a gate, with further rules.
func opening(ingress ...string) string {
	return harness.PolicyWith(append([]string{everyone}, ingress...), []string{everyone},
		"queues: { count: 1 }")
}

// described is a group that has a name and nothing else.
func described(name string) string {
	return fmt.Sprintf("{ name: %q, description: A group }", name)
}

// TestRejectedPolicies: what AWS refuses, with the code that AWS gives, a running
// daemon refuses as a whole, though all the rest of each policy would open
// everything: what it enforced it goes on to enforce.
func TestRejectedPolicies(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	const one = `{ protocol: tcp, ports: 22, cidr_blocks: [100.68.0.0/18]`
	running := grouped(gateAnd(`{ protocol: tcp, ports: 22, security_groups: [used] }`,
		`{ protocol: tcp, ports: 22, prefix_lists: [office] }`),
		described("used"), described("idle")) +
		"prefix_lists: [{ name: office, max_entries: 20, entries: [{ cidr: 198.51.100.0/24 }] }]\n"
	d := harness.Enforce(t, server.Host(), running)
	g.Expect(t, "before", harness.Filtered)
	table, before := harness.Ruleset(t, server.Host()), harness.StatusDocument{}
	d.Document(&before, "status")
	listed := func(size int, rules ...string) string {
		return opening(append(rules, `{ protocol: tcp, ports: 22, prefix_lists: [office] }`)...) +
			fmt.Sprintf("prefix_lists: [{ name: office, max_entries: %d, entries: [{ cidr: "+
				"198.51.100.0/24 }] }]\n", size)
	}
	const exceeded = "RulesPerSecurityGroupLimitExceeded"
	for _, tt := range []struct {
		name   string
		claims []string
		policy string
		codes  []string
	}{
		{"row 2: a rule with another description", []string{"row 2", "R3"},
			opening(one+` }`, one+`, description: another }`), []string{"InvalidPermission.Duplicate"}},
		{"row 3: a rule with host bits", []string{"row 3", "R16"},
			opening(one+` }`, `{ protocol: tcp, ports: 22, cidr_blocks: [100.68.0.18/18] }`),
			[]string{"InvalidPermission.Duplicate"}},
		{"row 4: a CIDR twice in a rule", []string{"row 4", "R19", "R40"},
			opening(`{ protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/8, 10.0.0.0/8] }`),
			[]string{"InvalidParameterValue"}},
		{"R19: two CIDRs that are one", []string{"R19", "R16"},
			opening(`{ protocol: tcp, ports: 22, cidr_blocks: [10.0.0.1/8, 10.0.0.2/8] }`),
			[]string{"InvalidParameterValue"}},
		{"row 7: all types with one code", []string{"row 7", "icmp half"},
			opening(`{ protocol: icmp, from_port: -1, to_port: 0, cidr_blocks: [0.0.0.0/0] }`),
			[]string{"InvalidParameterValue"}},
		{"row 18: 60 rules of each family and a group", []string{"row 18", "Q2", "Q3", "Q8", "R50"},
			grouped(opening(slices.Concat(hosts(59, 4), hosts(59, 6),
				[]string{`{ protocol: tcp, ports: 22, security_groups: [used] }`})...), described("used")),
			[]string{exceeded, exceeded}},
		{"row 19: a list of 20 that holds one, and 40 rules", []string{"row 19", "Q3"},
			listed(20, hosts(40, 4)...), []string{exceeded}},
		{"Q4: an empty list of 500", []string{"Q4"},
			opening(`{ protocol: tcp, ports: 22, prefix_lists: [office] }`) +
				"prefix_lists: [{ name: office, address_family: IPv4, max_entries: 500, entries: [] }]\n",
			[]string{exceeded}},
		{"R24: a list that grows beyond the quota of a group", []string{"R24", "Q8"},
			listed(60), []string{exceeded}},
		{"R24: a list that goes while a rule names it", []string{"R24"},
			opening(`{ protocol: tcp, ports: 22, prefix_lists: [office] }`),
			[]string{"DependencyViolation"}},
		{"row 20: names that differ in case", []string{"row 20", "text group name"},
			grouped(opening(), described("Web"), described("web")), []string{"InvalidGroup.Duplicate"}},
		{"row 21: a name like an ID", []string{"row 21", "R35"},
			grouped(opening(), described("sg-x")), []string{"InvalidParameterValue"}},
		{"row 21: default", []string{"row 21", "R35"},
			grouped(opening(), described("default")), []string{"InvalidGroup.Reserved"}},
		{"row 22: an attached group goes", []string{"row 22", "R46"},
			strings.Replace(opening(), "name: state", "name: other", 1), []string{"DependencyViolation"}},
		{"row 22: a group goes that another names", []string{"row 22", "R46"},
			opening(`{ protocol: tcp, ports: 22, security_groups: [used] }`),
			[]string{"DependencyViolation"}},
		{"row 22: the default group goes", []string{"row 22", "R48"},
			opening() + "default_security_group: []\n", []string{"CannotDelete"}},
		{"R49: six groups on an interface", []string{"R49", "Q6", "Q8"},
			strings.Replace(grouped(opening(), described("a"), described("b"), described("c"),
				described("d"), described("e")),
				"security_groups: [state]", "security_groups: [a, b, c, d, e, state]", 1),
			[]string{"SecurityGroupsPerInterfaceLimitExceeded"}},
		{"Q7: more groups than the quota", []string{"Q7", "Q8"},
			grouped(opening(), described("a"), described("b")) + "quotas: { security_groups: 2 }\n",
			[]string{"SecurityGroupLimitExceeded"}},
		{"R32: a group that never was", []string{"R32"},
			opening(`{ protocol: tcp, ports: 22, security_groups: [never] }`),
			[]string{"InvalidGroup.NotFound"}},
		{"R40: one mistake among many rules", []string{"R40", "ports outside"},
			opening(append(hosts(20, 4), `{ protocol: tcp, ports: 65536, cidr_blocks: [0.0.0.0/0] }`)...),
			[]string{"InvalidParameterValue"}},
		{"R40: several mistakes at once", []string{"R40", "R50"},
			opening(`{ protocol: esp, self: true }`, `{ protocol: tcp, ports: 1 }`,
				`{ protocol: tcp, ports: 2, self: true, action: deny }`) +
				"quotas: { rules_per_security_group: 500 }\n",
			[]string{"InvalidParameterValue", "MissingParameter", "UnknownParameter",
				"InvalidParameterCombination"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parity.Proves(t, tt.claims...)
			d.Rejects(t, tt.policy, tt.codes...)
			g.Expect(t, "refused", harness.Filtered)
		})
	}
	if diff := cmp.Diff(table, harness.Ruleset(t, server.Host())); diff != "" {
		t.Errorf("the table before (-) and after (+):\n%s", diff)
	}
	var after harness.StatusDocument
	if d.Document(&after, "status"); after.Policy.Generation != before.Policy.Generation {
		t.Errorf("generation %d, then %d", before.Policy.Generation, after.Policy.Generation)
	}

	t.Run("row 22: a group that nothing uses goes", func(t *testing.T) {
		parity.Proves(t, "R46", "R47")
		d.Reload(gateAnd())
		g.Expect(t, "without the others", harness.Filtered)
		d.Reload(grouped(gateAnd(),
			`{ name: own, description: Names itself, ingress: [{ protocol: tcp, ports: 1, self: true }] }`))
		d.Reload(gateAnd())
		g.Expect(t, "without a group that names itself", harness.Filtered)
	})
	d.Reload(opening())
	g.Expect(t, "a sound policy at last", harness.Open)
}
