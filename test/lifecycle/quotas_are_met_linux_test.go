package lifecycle

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/harness"
	"sgfw/test/parity"
)

// TestQuotasAreMet: as many rules as the quota permits are enforced, the last one
// too; a prefix list costs what it may hold; a quota that is raised is a quota
// (Q1 to Q3, Q9). What is nearly used up is said, and refused by nobody.
func TestQuotasAreMet(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	// The gate's own rules are three for each family.
	full := func(n4, n6 int, more ...string) string {
		return gateAnd(slices.Concat(hosts(n4, 4), hosts(n6, 6), more)...)
	}
	// The rule that opens the gate is the last of all.
	last := func(n4, n6 int) string {
		return strings.Replace(full(n4, n6, harness.Allow("udp", harness.GateIn)),
			harness.Allow("udp", harness.GateIn)+", ", "", 1)
	}
	d := harness.Enforce(t, server.Host(), last(57, 57))
	t.Run("60 of each", func(t *testing.T) {
		parity.Proves(t, "Q1", "Q2", "row 18")
		g.Expect(t, "60 rules of each family", harness.Filtered)
		d.Rejects(t, last(57, 58), "RulesPerSecurityGroupLimitExceeded")
		d.Rejects(t, last(58, 57), "RulesPerSecurityGroupLimitExceeded")
		g.Expect(t, "61 of one family", harness.Filtered)
	})
	t.Run("the notice", func(t *testing.T) {
		d.Write(last(57, 57))
		for _, command := range [][]string{{"check", d.Config}, {"reload"}} {
			out, code := d.Sgfw(command...)
			if code != 0 || strings.Count(out,
				"notice: group \"state\" uses 60 of 60 ingress rules for IPv") != 2 {
				t.Errorf("sgfw %v: exit %d, want 0 and a notice for each family\n%s", command, code, out)
			}
		}
		if n := strings.Count(d.Log.String(), "uses 60 of 60 ingress rules for IPv4"); n < 1 {
			t.Errorf("nothing in the log\n%s", d.Log)
		}
		d.Write(last(44, 44))
		if out, code := d.Sgfw("check", d.Config); code != 0 || strings.Contains(out, "notice") {
			t.Errorf("47 of 60: exit %d\n%s", code, out)
		}
	})
	t.Run("raised", func(t *testing.T) {
		parity.Proves(t, "Q9", "Q6")
		d.Reload(last(97, 97) + "quotas: { rules_per_security_group: 100 }\n")
		g.Expect(t, "100 rules of each family", harness.Filtered)
		d.Rejects(t, last(97, 98)+"quotas: { rules_per_security_group: 100 }\n",
			"RulesPerSecurityGroupLimitExceeded")
		d.Rejects(t, last(97, 97)+"quotas: { rules_per_security_group: 201 }\n",
			"InvalidParameterCombination")
		g.Expect(t, "101 rules of one", harness.Filtered)
		var s harness.StatusDocument
		d.Document(&s, "status")
		if q := s.Quotas["rules_per_security_group"]; q.Used != 100 || q.Quota != 100 {
			t.Errorf("status: %+v", s.Quotas)
		}
		d.Rejects(t, last(97, 97), "RulesPerSecurityGroupLimitExceeded",
			"RulesPerSecurityGroupLimitExceeded")
		g.Expect(t, "the quota taken back", harness.Filtered)
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
		d.Reload(attached(5))
		g.Expect(t, "5 groups", harness.Filtered)
		d.Rejects(t, attached(6), "SecurityGroupsPerInterfaceLimitExceeded")
		g.Expect(t, "6 groups", harness.Filtered)
		d.Reload(attached(16) + "quotas: { security_groups_per_interface: 16, " +
			"rules_per_security_group: 62 }\n")
		g.Expect(t, "16 groups", harness.Filtered)
		d.Rejects(t, attached(16)+"quotas: { security_groups_per_interface: 17 }\n",
			"InvalidParameterValue")
		d.Rejects(t, attached(16)+"quotas: { security_groups_per_interface: 16, "+
			"rules_per_security_group: 63 }\n", "InvalidParameterCombination")
		g.Expect(t, "17 groups", harness.Filtered)
	})
	t.Run("row 19: a list sized 20 with 3 entries", func(t *testing.T) {
		parity.Proves(t, "row 19", "Q3")
		far := g.Far[0]
		list := func(n int) string {
			rules := slices.Concat(hosts(n, 4), []string{
				fmt.Sprintf(`{ protocol: udp, ports: %d, prefix_lists: [office], ipv6_cidr_blocks: ["::/0"] }`,
					harness.GateIn),
			})
			return harness.PolicyWith(rules, []string{harness.Allow("udp", harness.GateOut)},
				"queues: { count: 1 }") +
				fmt.Sprintf("prefix_lists: [{ name: office, max_entries: 20, entries: [{ cidr: "+
					"198.51.100.0/24 }, { cidr: %s/32 }, { cidr: 203.0.113.0/24 }] }]\n", far)
		}
		d.Reload(list(40))
		g.Expect(t, "40 rules and the list", harness.Filtered)
		var s harness.StatusDocument
		if d.Document(&s, "status"); s.Groups[0].Ingress.IPv4 != 60 || s.Groups[0].Ingress.IPv6 != 1 {
			t.Errorf("status: %+v", s.Groups)
		}
		var c harness.StatusDocument
		if d.Document(&c, "check", d.Config); !cmp.Equal(c.Groups, s.Groups) ||
			!cmp.Equal(c.Quotas, s.Quotas) {
			t.Errorf("check counts %+v %+v, status %+v %+v", c.Groups, c.Quotas, s.Groups, s.Quotas)
		}
		if q := c.Quotas["prefix_list_entries"]; len(c.Quotas) != 7 || q.Used != 20 || q.Quota != 1000 {
			t.Errorf("quotas %+v", c.Quotas)
		}
		d.Rejects(t, list(41), "RulesPerSecurityGroupLimitExceeded")
		g.Expect(t, "41 rules and the list", harness.Filtered)
		d.Reload(strings.Replace(list(40), netip.PrefixFrom(far, 32).String(), "192.0.2.200/32", 1))
		for _, l := range g.Lanes() {
			if l.To.Port() == harness.GateIn && l.From == far {
				if _, ok := g.At[l.To].Receives(g.Shoot(t, l), harness.SilenceTimeout); ok {
					t.Error("who is on the list no more still gets in")
				}
			}
		}
	})
}
