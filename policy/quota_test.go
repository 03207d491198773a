package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sgfw/test/parity"
)

func cidr(s string) Peer { return Peer{Kind: PeerCIDR, CIDR: netip.MustParsePrefix(s)} }

func rule(p Protocol, from, to int, peer Peer) Rule {
	return Rule{Protocol: p, From: from, To: to, Peer: peer}
}

// many returns n rules with CIDRs of one family, each different.
func many(n int, f Family) []Rule {
	var rules []Rule
	for i := range n {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		if f == IPv6 {
			addr = netip.AddrFrom16([16]byte{0x20, 1, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
		}
		r := rule(TCP, 22, 22, Peer{CIDR: netip.PrefixFrom(addr, addr.BitLen())})
		r.Index = i
		rules = append(rules, r)
	}
	return rules
}

// codes are the codes of the errors in ps.
func codes(ps Problems) string {
	var cs []string
	for _, p := range ps.Of(SeverityError) {
		cs = append(cs, string(p.Code))
	}
	return strings.Join(cs, " ")
}

func attachedTo(groups ...Group) *Policy {
	p := &Policy{Groups: groups, Quotas: DefaultQuotas, Settings: DefaultSettings}
	for i := range p.Groups {
		g := &p.Groups[i]
		if g.Description == "" {
			g.Description = "x"
		}
		p.Interfaces = append(p.Interfaces,
			Interface{Device: "eth" + string(rune('0'+i)), Groups: []string{g.Name},
				Timeouts: DefaultTimeouts})
	}
	return p
}

// TestQuotaCounters: four counters, each with 60 and not 61 (Q1, Q2), in which a
// group counts in both families (Q3), and ports in none (Q5).
func TestQuotaCounters(t *testing.T) {
	parity.Proves(t, "Q1", "Q2", "Q3", "Q5", "Q8", "Q9")
	both := append(many(60, IPv4), many(60, IPv6)...)
	peer := rule(UDP, 53, 53, Peer{Kind: PeerGroup, Name: "a"})
	peer.Index = 100
	wide, twoPorts := many(60, IPv4), many(60, IPv4)
	for i := range wide {
		wide[i].From, wide[i].To = 0, MaxPort
	}
	twoPorts = append(twoPorts, twoPorts[0])
	twoPorts[60].From, twoPorts[60].To, twoPorts[60].Index = 23, 23, 60
	const one, two = "RulesPerSecurityGroupLimitExceeded",
		"RulesPerSecurityGroupLimitExceeded RulesPerSecurityGroupLimitExceeded"
	for _, tt := range []struct {
		name string
		g    Group
		want string
	}{
		{"60 of each", Group{Ingress: both, Egress: both}, ""},
		{"61 IPv4 in", Group{Ingress: many(61, IPv4)}, one},
		{"61 IPv6 in", Group{Ingress: many(61, IPv6)}, one},
		{"61 IPv4 out", Group{Egress: many(61, IPv4)}, one},
		{"61 IPv6 out", Group{Egress: many(61, IPv6)}, one},
		{"60 of each and a group", Group{Ingress: append(both[:120:120], peer)}, two},
		{"59 of each and a group", Group{
			Ingress: append(append(many(59, IPv4), many(59, IPv6)...), peer)}, ""},
		{"60 ranges of ports", Group{Ingress: wide}, ""},
		{"60 CIDRs, one of them with two ports", Group{Ingress: twoPorts}, one},
	} {
		tt.g.Name = "a"
		if got := codes(Validate(attachedTo(tt.g))); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	for quota, want := range map[int]string{60: one, 61: "", 62: ""} {
		p := attachedTo(Group{Name: "a", Ingress: many(61, IPv4)})
		p.Quotas.RulesPerGroup = quota
		if got := codes(Validate(p)); got != want {
			t.Errorf("61 rules under a quota of %d: %q, want %q", quota, got, want)
		}
	}
}

// TestFirstRuleBeyond: an excess is reported once for each counter, at the first rule
// beyond the quota.
func TestFirstRuleBeyond(t *testing.T) {
	place := func(rules []Rule, from int) []Rule {
		for i := range rules {
			rules[i].Peer.Pos, rules[i].Index = Pos{Line: from + i}, from+i
		}
		return rules
	}
	rules := append(place(many(60, IPv6), 100), place(many(70, IPv4), 200)...)
	rules = append(rules, place([]Rule{rule(UDP, 53, 53, Peer{Kind: PeerGroup, Name: "a"})}, 300)...)
	p := attachedTo(Group{Name: "a", Ingress: rules, Pos: Pos{Line: 1}})
	var got []string
	for _, b := range Validate(p).Of(SeverityError) {
		got = append(got, b.Error())
	}
	const hint = " (hint: a CIDR counts 1, a group 1 in each family, " +
		"a prefix list its max_entries; split the group, or raise quotas.rules_per_security_group)"
	want := []string{
		`260: group "a" has 71 ingress rules for IPv4, at most 60` + hint,
		`300: group "a" has 61 ingress rules for IPv6, at most 60` + hint,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestNearQuotas: from four fifths of a quota on there is a notice for each
// counter, beyond it the error alone.
func TestNearQuotas(t *testing.T) {
	groups := func(n int) []Group {
		out := make([]Group, n)
		for i := range out {
			out[i] = Group{Name: fmt.Sprint("g", i), Description: "x"}
		}
		return out
	}
	for _, tt := range []struct {
		name         string
		change       func(*Policy)
		notice, fail int
	}{
		{"47 rules", func(p *Policy) { p.Groups[0].Ingress = many(47, IPv4) }, 0, 0},
		{"48 rules", func(p *Policy) { p.Groups[0].Ingress = many(48, IPv4) }, 1, 0},
		{"60 rules", func(p *Policy) { p.Groups[0].Ingress = many(60, IPv4) }, 1, 0},
		{"61 rules", func(p *Policy) { p.Groups[0].Ingress = many(61, IPv4) }, 0, 1},
		{"48 rules of a larger quota",
			func(p *Policy) { p.Groups[0].Ingress, p.Quotas.RulesPerGroup = many(48, IPv4), 61 }, 0, 0},
		{"48 rules in three counters", func(p *Policy) {
			p.Groups[0].Ingress = append(many(48, IPv4), many(48, IPv6)...)
			p.Groups[0].Egress = many(48, IPv6)
		}, 3, 0},
		{"a quota of 1, used up", func(p *Policy) {
			p.Quotas.RulesPerGroup, p.Groups[0].Egress = 1, DefaultEgress()
		}, 2, 0},
		{"7 of 10 groups", func(p *Policy) { p.Quotas.Groups, p.Groups = 10, groups(7) }, 0, 0},
		{"8 of 10 groups", func(p *Policy) { p.Quotas.Groups, p.Groups = 10, groups(8) }, 1, 0},
		{"11 of 10 groups", func(p *Policy) { p.Quotas.Groups, p.Groups = 10, groups(11) }, 0, 1},
		{"2 of 2 prefix lists", func(p *Policy) {
			p.Quotas.PrefixLists, p.PrefixLists = 2, []PrefixList{{Name: "a"}, {Name: "b"}}
		}, 1, 0},
		{"3 of 2 prefix lists", func(p *Policy) {
			p.Quotas.PrefixLists, p.PrefixLists = 2, []PrefixList{{Name: "a"}, {Name: "b"}, {Name: "c"}}
		}, 0, 1},
	} {
		p := attachedTo(Group{Name: "g0"})
		tt.change(p)
		problems := Validate(p)
		n := 0
		for _, p := range problems.Of(SeverityNotice) {
			if !p.AWS {
				n++
			}
		}
		if n != tt.notice {
			t.Errorf("%s: %d notices, want %d\n%v", tt.name, n, tt.notice, problems)
		}
		if n := len(problems.Of(SeverityError)); n != tt.fail {
			t.Errorf("%s: %d errors, want %d\n%v", tt.name, n, tt.fail, problems)
		}
	}
}

// TestQuotaCeilings: AWS raises groups per interface to 16 and its product with
// rules per group to 1,000 (Q6); a quota is at least 1.
func TestQuotaCeilings(t *testing.T) {
	parity.Proves(t, "Q6")
	for _, tt := range []struct {
		change func(*Quotas)
		want   string // fields of the errors
	}{
		{func(*Quotas) {}, ""},
		{func(q *Quotas) { q.RulesPerGroup = 200 }, ""}, // 200 × 5 = 1000
		{func(q *Quotas) { q.RulesPerGroup = 201 },
			"InvalidParameterCombination quotas.rules_per_security_group"},
		{func(q *Quotas) { q.GroupsPerInterface = 16 }, ""}, // 60 × 16 = 960
		{func(q *Quotas) { q.GroupsPerInterface, q.RulesPerGroup = 16, 63 },
			"InvalidParameterCombination quotas.rules_per_security_group"},
		{func(q *Quotas) { q.GroupsPerInterface, q.RulesPerGroup = 17, 1 },
			"InvalidParameterValue quotas.security_groups_per_interface"},
		{func(q *Quotas) { q.GroupsPerInterface, q.RulesPerGroup = 1, 1000 }, ""},
		{func(q *Quotas) { q.GroupsPerInterface, q.RulesPerGroup = 1, 1001 },
			"InvalidParameterValue quotas.rules_per_security_group"},
		{func(q *Quotas) { q.RulesPerGroup = 0 },
			"InvalidParameterValue quotas.rules_per_security_group"},
		{func(q *Quotas) { q.GroupsPerInterface = -1 },
			"InvalidParameterValue quotas.security_groups_per_interface"},
		{func(q *Quotas) { q.Groups, q.PrefixLists, q.PrefixListEntries = 9999999, 9999999, 9999999 },
			""},
		{func(q *Quotas) { *q = Quotas{} },
			"InvalidParameterValue quotas.rules_per_security_group, InvalidParameterValue " +
				"quotas.security_groups_per_interface, " +
				"InvalidParameterValue quotas.security_groups, InvalidParameterValue quotas.prefix_lists, " +
				"InvalidParameterValue quotas.prefix_list_entries, " +
				"InvalidParameterValue quotas.network_acls, " +
				"InvalidParameterValue quotas.rules_per_network_acl"},
	} {
		// What the policy holds is not held against quotas that are none.
		p := attachedTo(Group{Name: "a", Ingress: many(1, IPv4)})
		tt.change(&p.Quotas)
		var got []string
		p.Quotas.check(func(b Problem) { got = append(got, fmt.Sprint(b.Code, " ", b.Field)) })
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("%+v: %q, want %q", p.Quotas, s, tt.want)
		}
		if n := len(Validate(p)); n != len(got) {
			t.Errorf("%+v: %d problems: %v", p.Quotas, n, Validate(p))
		}
	}
}

// TestQuotaFields: each key of the file is a quota of its own.
func TestQuotaFields(t *testing.T) {
	var q Quotas
	for i, k := range quotaKeys {
		*q.Field(k.key) = i + 1
	}
	if want := (Quotas{1, 2, 3, 4, 5, 6, 7}); q != want {
		t.Errorf("got %+v, want %+v", q, want)
	}
	if q.Field("rules") != nil {
		t.Error("there is a quota of rules")
	}
}
