package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/parity"
)

// everyone is a rule that opens a gate.
const everyone = `{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`

// opening is a policy that would open a gate, with further rules.
func opening(ingress ...string) string {
	return policyWith(append([]string{everyone}, ingress...), []string{everyone}, "queues: { count: 1 }")
}

// gateAnd is gatePolicy with further rules.
func gateAnd(ingress ...string) string {
	return policyWith(append([]string{allow("udp", gateIn), allow("udp", gateEcho), allow("tcp", gateEcho)}, ingress...),
		[]string{allow("udp", gateOut)}, "queues: { count: 1 }")
}

// grouped adds groups to a policy.
func grouped(text string, groups ...string) string {
	return strings.Replace(text, "interfaces:\n", "  - "+strings.Join(groups, "\n  - ")+"\ninterfaces:\n", 1)
}

// described is a group that has a name and nothing else.
func described(name string) string { return fmt.Sprintf("{ name: %q, description: A group }", name) }

// hosts are n rules for tcp/22, each from a host of its own.
func hosts(n int, family int) (rules []string) {
	for i := range n {
		from := fmt.Sprintf(`cidr_blocks: [198.51.100.%d/32]`, i)
		if family == 6 {
			from = fmt.Sprintf(`ipv6_cidr_blocks: ["2001:db8:f::%x/128"]`, i)
		}
		rules = append(rules, `{ protocol: tcp, ports: 22, `+from+` }`)
	}
	return rules
}

// rejects asks for a policy in both ways that there are. It must be refused with
// exactly these codes of AWS.
func (d *daemon) rejects(t *testing.T, policy string, codes ...string) {
	t.Helper()
	d.write(policy)
	status, reply := d.answer("/v1/reload", `{}`)
	var doc struct {
		Error struct {
			Kind     string
			Problems []struct {
				Severity, Code, File, Message string
				Line, Col                     int
			}
		}
	}
	if err := json.Unmarshal([]byte(reply), &doc); err != nil || status != http.StatusUnprocessableEntity || doc.Error.Kind != "invalid" {
		t.Errorf("reload: status %d, want %d (%v)\n%s", status, http.StatusUnprocessableEntity, err, reply)
	}
	var got []string
	for _, p := range doc.Error.Problems {
		if p.Severity != "error" {
			continue
		}
		got = append(got, p.Code)
		if p.File != d.config || p.Line < 2 || p.Col < 1 {
			t.Errorf("%s stands at %s:%d:%d", p.Message, p.File, p.Line, p.Col)
		}
	}
	if !slices.Equal(got, codes) {
		t.Errorf("codes %q, want %q\n%s", got, codes, reply)
	}
	if out, code := d.sgfw("reload"); code != 3 {
		t.Errorf("sgfw reload: exit %d, want 3\n%s", code, out)
	}
}

// TestRejectedPolicies: what AWS refuses, with the code that AWS gives, a running
// daemon refuses as a whole, though all the rest of each policy would open
// everything: what it enforced it goes on to enforce.
func TestRejectedPolicies(t *testing.T) {
	t.Parallel()
	_, server, g := newPair(t)
	const one = `{ protocol: tcp, ports: 22, cidr_blocks: [100.68.0.0/18]`
	running := grouped(gateAnd(`{ protocol: tcp, ports: 22, security_groups: [used] }`, `{ protocol: tcp, ports: 22, prefix_lists: [office] }`),
		described("used"), described("idle")) + "prefix_lists: [{ name: office, max_entries: 20, entries: [{ cidr: 198.51.100.0/24 }] }]\n"
	d := enforce(t, server.Host(), running)
	g.expect(t, "before", filtered)
	table, before := ruleset(t, server.Host()), statusDocument{}
	d.document(&before, "status")
	listed := func(size int, rules ...string) string {
		return opening(append(rules, `{ protocol: tcp, ports: 22, prefix_lists: [office] }`)...) +
			fmt.Sprintf("prefix_lists: [{ name: office, max_entries: %d, entries: [{ cidr: 198.51.100.0/24 }] }]\n", size)
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
			opening(one+` }`, `{ protocol: tcp, ports: 22, cidr_blocks: [100.68.0.18/18] }`), []string{"InvalidPermission.Duplicate"}},
		{"row 4: a CIDR twice in a rule", []string{"row 4", "R19", "R40"},
			opening(`{ protocol: tcp, ports: 22, cidr_blocks: [10.0.0.0/8, 10.0.0.0/8] }`), []string{"InvalidParameterValue"}},
		{"R19: two CIDRs that are one", []string{"R19", "R16"},
			opening(`{ protocol: tcp, ports: 22, cidr_blocks: [10.0.0.1/8, 10.0.0.2/8] }`), []string{"InvalidParameterValue"}},
		{"row 7: all types with one code", []string{"row 7", "icmp half"},
			opening(`{ protocol: icmp, from_port: -1, to_port: 0, cidr_blocks: [0.0.0.0/0] }`), []string{"InvalidParameterValue"}},
		{"row 18: 60 rules of each family and a group", []string{"row 18", "Q2", "Q3", "Q8", "R50"},
			grouped(opening(slices.Concat(hosts(59, 4), hosts(59, 6), []string{`{ protocol: tcp, ports: 22, security_groups: [used] }`})...), described("used")),
			[]string{exceeded, exceeded}},
		{"row 19: a list of 20 that holds one, and 40 rules", []string{"row 19", "Q3"},
			listed(20, hosts(40, 4)...), []string{exceeded}},
		{"Q4: an empty list of 500", []string{"Q4"},
			opening(`{ protocol: tcp, ports: 22, prefix_lists: [office] }`) + "prefix_lists: [{ name: office, max_entries: 500, entries: [] }]\n", []string{exceeded, exceeded}},
		{"R24: a list that grows beyond the quota of a group", []string{"R24", "Q8"},
			listed(60), []string{exceeded}},
		{"R24: a list that goes while a rule names it", []string{"R24"},
			opening(`{ protocol: tcp, ports: 22, prefix_lists: [office] }`), []string{"DependencyViolation"}},
		{"row 20: names that differ in case", []string{"row 20", "text group name"},
			grouped(opening(), described("Web"), described("web")), []string{"InvalidGroup.Duplicate"}},
		{"row 21: a name like an ID", []string{"row 21", "R35"},
			grouped(opening(), described("sg-x")), []string{"InvalidParameterValue"}},
		{"row 21: default", []string{"row 21", "R35"},
			grouped(opening(), described("default")), []string{"InvalidGroup.Reserved"}},
		{"row 21: a name with an apostrophe", []string{"row 21", "R37"},
			grouped(opening(), described("John's")), []string{"InvalidParameterValue"}},
		{"row 22: an attached group goes", []string{"row 22", "R46"},
			strings.Replace(opening(), "name: state", "name: other", 1), []string{"DependencyViolation"}},
		{"row 22: a group goes that another names", []string{"row 22", "R46"},
			opening(`{ protocol: tcp, ports: 22, security_groups: [used] }`), []string{"DependencyViolation"}},
		{"row 22: the default group goes", []string{"row 22", "R48"},
			opening() + "default_security_group: []\n", []string{"CannotDelete"}},
		{"R49: six groups on an interface", []string{"R49", "Q6", "Q8"},
			strings.Replace(grouped(opening(), described("a"), described("b"), described("c"), described("d"), described("e")),
				"security_groups: [state]", "security_groups: [a, b, c, d, e, state]", 1), []string{"SecurityGroupsPerInterfaceLimitExceeded"}},
		{"Q7: more groups than the quota", []string{"Q7", "Q8"},
			grouped(opening(), described("a"), described("b")) + "quotas: { security_groups: 2 }\n", []string{"SecurityGroupLimitExceeded"}},
		{"R32: a group that never was", []string{"R32"},
			opening(`{ protocol: tcp, ports: 22, security_groups: [never] }`), []string{"InvalidGroup.NotFound"}},
		{"R40: one mistake among many rules", []string{"R40", "ports outside"},
			opening(append(hosts(20, 4), `{ protocol: tcp, ports: 65536, cidr_blocks: [0.0.0.0/0] }`)...), []string{"InvalidParameterValue"}},
		{"R40: several mistakes at once", []string{"R40", "R50"},
			opening(`{ protocol: esp, self: true }`, `{ protocol: tcp, ports: 1 }`, `{ protocol: tcp, ports: 2, self: true, action: deny }`) + "quotas: { rules_per_security_group: 500 }\n",
			[]string{"InvalidParameterValue", "MissingParameter", "UnknownParameter", "InvalidParameterCombination"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parity.Proves(t, tt.claims...)
			d.rejects(t, tt.policy, tt.codes...)
			g.expect(t, "refused", filtered)
		})
	}
	if diff := cmp.Diff(table, ruleset(t, server.Host())); diff != "" {
		t.Errorf("the table before (-) and after (+):\n%s", diff)
	}
	var after statusDocument
	if d.document(&after, "status"); after.Policy.Generation != before.Policy.Generation {
		t.Errorf("generation %d, then %d", before.Policy.Generation, after.Policy.Generation)
	}

	t.Run("row 22: a group that nothing uses goes", func(t *testing.T) {
		parity.Proves(t, "R46", "R47")
		d.reload(gateAnd())
		g.expect(t, "without the others", filtered)
		d.reload(grouped(gateAnd(), `{ name: own, description: Names itself, ingress: [{ protocol: tcp, ports: 1, self: true }] }`))
		d.reload(gateAnd())
		g.expect(t, "without a group that names itself", filtered)
	})
	d.reload(opening())
	g.expect(t, "a sound policy at last", open)
}

// TestQuotasAreMet: as many rules as the quota permits are enforced, the last one
// too; a prefix list costs what it may hold; a quota that is raised is a quota
// (Q1 to Q3, Q9). What is nearly used up is said, and refused by nobody.
func TestQuotasAreMet(t *testing.T) {
	t.Parallel()
	_, server, g := newPair(t)
	// The gate's own rules are three for each family.
	full := func(n4, n6 int, more ...string) string {
		return gateAnd(slices.Concat(hosts(n4, 4), hosts(n6, 6), more)...)
	}
	// The rule that opens the gate is the last of all.
	last := func(n4, n6 int) string {
		return strings.Replace(full(n4, n6, allow("udp", gateIn)), allow("udp", gateIn)+", ", "", 1)
	}
	d := enforce(t, server.Host(), last(57, 57))
	t.Run("60 of each", func(t *testing.T) {
		parity.Proves(t, "Q1", "Q2", "row 18")
		g.expect(t, "60 rules of each family", filtered)
		d.rejects(t, last(57, 58), "RulesPerSecurityGroupLimitExceeded")
		d.rejects(t, last(58, 57), "RulesPerSecurityGroupLimitExceeded")
		g.expect(t, "61 of one family", filtered)
	})
	t.Run("the notice", func(t *testing.T) {
		d.write(last(57, 57))
		for _, command := range [][]string{{"check", d.config}, {"reload"}} {
			out, code := d.sgfw(command...)
			if code != 0 || strings.Count(out, "notice: group \"state\" uses 60 of 60 ingress rules for IPv") != 2 {
				t.Errorf("sgfw %v: exit %d, want 0 and a notice for each family\n%s", command, code, out)
			}
		}
		if n := strings.Count(d.log.String(), "uses 60 of 60 ingress rules for IPv4"); n < 1 {
			t.Errorf("nothing in the log\n%s", d.log)
		}
		d.write(last(44, 44))
		if out, code := d.sgfw("check", d.config); code != 0 || strings.Contains(out, "notice") {
			t.Errorf("47 of 60: exit %d\n%s", code, out)
		}
	})
	t.Run("raised", func(t *testing.T) {
		parity.Proves(t, "Q9", "Q6")
		d.reload(last(97, 97) + "quotas: { rules_per_security_group: 100 }\n")
		g.expect(t, "100 rules of each family", filtered)
		d.rejects(t, last(97, 98)+"quotas: { rules_per_security_group: 100 }\n", "RulesPerSecurityGroupLimitExceeded")
		d.rejects(t, last(97, 97)+"quotas: { rules_per_security_group: 201 }\n", "InvalidParameterCombination")
		g.expect(t, "101 rules of one", filtered)
		var s statusDocument
		d.document(&s, "status")
		if q := s.Quotas["rules_per_security_group"]; q.Used != 100 || q.Quota != 100 {
			t.Errorf("status: %+v", s.Quotas)
		}
		d.rejects(t, last(97, 97), "RulesPerSecurityGroupLimitExceeded", "RulesPerSecurityGroupLimitExceeded")
		g.expect(t, "the quota taken back", filtered)
	})
	t.Run("groups on an interface", func(t *testing.T) {
		parity.Proves(t, "Q6", "R49")
		// The group with the gate's rules is the last of them.
		attached := func(n int) string {
			var groups, names []string
			for i := range n - 1 {
				names = append(names, fmt.Sprint("g", i))
				groups = append(groups, fmt.Sprintf("{ name: g%d, description: A group, egress: [] }", i))
			}
			return strings.Replace(grouped(gateAnd(), groups...), "security_groups: [state]",
				"security_groups: ["+strings.Join(append(names, "state"), ", ")+"]", 1)
		}
		d.reload(attached(5))
		g.expect(t, "5 groups", filtered)
		d.rejects(t, attached(6), "SecurityGroupsPerInterfaceLimitExceeded")
		g.expect(t, "6 groups", filtered)
		d.reload(attached(16) + "quotas: { security_groups_per_interface: 16, rules_per_security_group: 62 }\n")
		g.expect(t, "16 groups", filtered)
		d.rejects(t, attached(16)+"quotas: { security_groups_per_interface: 17 }\n", "InvalidParameterValue")
		d.rejects(t, attached(16)+"quotas: { security_groups_per_interface: 16, rules_per_security_group: 63 }\n", "InvalidParameterCombination")
		g.expect(t, "17 groups", filtered)
	})
	t.Run("row 19: a list sized 20 with 3 entries", func(t *testing.T) {
		parity.Proves(t, "row 19", "Q3")
		far := g.far[0]
		list := func(n int) string {
			rules := slices.Concat(hosts(n, 4), []string{
				fmt.Sprintf(`{ protocol: udp, ports: %d, prefix_lists: [office], ipv6_cidr_blocks: ["::/0"] }`, gateIn),
			})
			return policyWith(rules, []string{allow("udp", gateOut)}, "queues: { count: 1 }") +
				fmt.Sprintf("prefix_lists: [{ name: office, max_entries: 20, entries: [{ cidr: 198.51.100.0/24 }, { cidr: %s/32 }, { cidr: 203.0.113.0/24 }] }]\n", far)
		}
		d.reload(list(40))
		g.expect(t, "40 rules and the list", filtered)
		var s statusDocument
		if d.document(&s, "status"); s.Groups[0].Ingress.IPv4 != 60 || s.Groups[0].Ingress.IPv6 != 1 {
			t.Errorf("status: %+v", s.Groups)
		}
		var c statusDocument
		if d.document(&c, "check", d.config); !cmp.Equal(c.Groups, s.Groups) || !cmp.Equal(c.Quotas, s.Quotas) {
			t.Errorf("check counts %+v %+v, status %+v %+v", c.Groups, c.Quotas, s.Groups, s.Quotas)
		}
		if q := c.Quotas["prefix_list_entries"]; len(c.Quotas) != 5 || q.Used != 20 || q.Quota != 1000 {
			t.Errorf("quotas %+v", c.Quotas)
		}
		d.rejects(t, list(41), "RulesPerSecurityGroupLimitExceeded")
		g.expect(t, "41 rules and the list", filtered)
		d.reload(strings.Replace(list(40), netip.PrefixFrom(far, 32).String(), "192.0.2.200/32", 1))
		for _, l := range g.lanes() {
			if l.to.Port() == gateIn && l.from == far {
				if _, ok := g.at[l.to].receives(g.shoot(t, l), silence); ok {
					t.Error("who is on the list no more still gets in")
				}
			}
		}
	})
}
