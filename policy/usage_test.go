package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sgfw/test/parity"
)

func TestUsage(t *testing.T) {
	parity.Proves(t, "Q3")
	entry4, entry6 := PrefixEntry{CIDR: netip.MustParsePrefix("10.0.0.0/8")},
		PrefixEntry{CIDR: netip.MustParsePrefix("2001:db8::/32")}
	p := &Policy{PrefixLists: []PrefixList{
		{Name: "four", MaxEntries: 20, Entries: []PrefixEntry{entry4}}, // costs 20, not 1
		{Name: "six", MaxEntries: 7, Entries: []PrefixEntry{entry6}},
		{Name: "empty", MaxEntries: 3},
	}}
	list := func(name string) Peer { return Peer{Kind: PeerPrefixList, Name: name} }
	g := &Group{
		Ingress: []Rule{{Peer: list("four")}, {Peer: cidr("10.0.0.0/8")},
			{Peer: Peer{Kind: PeerGroup, Name: "x"}}, {Peer: list("nowhere")}},
		Egress: []Rule{{Peer: list("six")}, {Peer: list("empty")}, {Peer: cidr("::/0")}},
	}
	p.Groups = []Group{*g, {Egress: DefaultEgress()}, {}}
	want := []Usage{{IngressIPv4: 22, IngressIPv6: 1, EgressIPv4: 3, EgressIPv6: 11},
		{EgressIPv4: 1, EgressIPv6: 1}, {}}
	if got := p.Usages(); !slices.Equal(got, want) {
		t.Errorf("usage %+v, want %+v", got, want)
	}
	u := Usage{1, 2, 3, 4}
	if u.Of(Ingress, IPv4) != 1 || u.Of(Ingress, IPv6) != 2 || u.Of(Egress, IPv4) != 3 ||
		u.Of(Egress, IPv6) != 4 {
		t.Error("Of picks the wrong counter")
	}
}

// TestUsageAddsUp: the usage of a group is the sum over its rules, in any order.
func TestUsageAddsUp(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	p := &Policy{PrefixLists: []PrefixList{{Name: "l", MaxEntries: 9}}}
	peers := []Peer{cidr("10.0.0.0/8"), cidr("::/0"), {Kind: PeerGroup, Name: "g"},
		{Kind: PeerPrefixList, Name: "l"}}
	for range 200 {
		var g Group
		var want Usage
		for range rnd.IntN(20) {
			r := Rule{Peer: peers[rnd.IntN(len(peers))]}
			one := Group{Ingress: []Rule{r}}
			if rnd.IntN(2) == 0 {
				g.Ingress = append(g.Ingress, r)
			} else {
				one = Group{Egress: []Rule{r}}
				g.Egress = append(g.Egress, r)
			}
			p.Groups = []Group{one}
			u := p.Usages()[0]
			want.IngressIPv4 += u.IngressIPv4
			want.IngressIPv6 += u.IngressIPv6
			want.EgressIPv4 += u.EgressIPv4
			want.EgressIPv6 += u.EgressIPv6
		}
		p.Groups = []Group{g}
		if got := p.Usages()[0]; got != want {
			t.Fatalf("usage %+v, want %+v", got, want)
		}
	}
}

// TestCountersAgainstUnits compares with a count by hand: each rule lays down as
// many units as it costs, and the first unit that finds no room names the rule.
func TestCountersAgainstUnits(t *testing.T) {
	parity.Proves(t, "Q2", "Q3", "Q4")
	within, beyond := 0, 0
	for seed := range uint64(1000) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		p := attachedTo(Group{Name: "a", Pos: Pos{Line: 1}}, Group{Name: "b", Pos: Pos{Line: 2}})
		p.Quotas.RulesPerGroup = 1 + rnd.IntN(12)
		p.PrefixLists = []PrefixList{
			{Name: "four", MaxEntries: 1 + rnd.IntN(5),
				Entries: []PrefixEntry{{CIDR: netip.MustParsePrefix("10.0.0.0/8")}}},
			{Name: "six", MaxEntries: 1 + rnd.IntN(5),
				Entries: []PrefixEntry{{CIDR: netip.MustParsePrefix("2001:db8::/32")}}},
			{Name: "empty", MaxEntries: rnd.IntN(4)},
		}
		line := 10
		units := make(map[string][]int) // the lines of the rules, by counter
		for i := range p.Groups {
			g := &p.Groups[i]
			for d, rules := range []*[]Rule{&g.Ingress, &g.Egress} {
				lay := func(f Family, n int) {
					counter := fmt.Sprintf("group %q has %%d %s rules for %s", g.Name, Direction(d), f)
					for range n {
						units[counter] = append(units[counter], line)
					}
				}
				for n := range rnd.IntN(9) {
					line++
					var peer Peer
					switch rnd.IntN(6) {
					case 0:
						peer = cidr("10.0.0.0/8")
						lay(IPv4, 1)
					case 1:
						peer = cidr("2001:db8::/32")
						lay(IPv6, 1)
					case 2:
						peer = Peer{Kind: PeerGroup, Name: "b"}
						lay(IPv4, 1)
						lay(IPv6, 1)
					case 3:
						peer = Peer{Kind: PeerPrefixList, Name: "four"}
						lay(IPv4, p.PrefixLists[0].MaxEntries)
					case 4:
						peer = Peer{Kind: PeerPrefixList, Name: "six"}
						lay(IPv6, p.PrefixLists[1].MaxEntries)
					case 5:
						peer = Peer{Kind: PeerPrefixList, Name: "empty"}
						lay(IPv4, p.PrefixLists[2].MaxEntries)
						lay(IPv6, p.PrefixLists[2].MaxEntries)
					}
					peer.Pos.Line = line
					r := rule(TCP, line, line, peer)
					r.Index = n
					*rules = append(*rules, r)
				}
			}
		}
		var want, got []string
		for counter, lines := range units {
			if len(lines) <= p.Quotas.RulesPerGroup {
				within++
				continue
			}
			beyond++
			want = append(want, fmt.Sprintf("%d: "+counter, lines[p.Quotas.RulesPerGroup], len(lines)))
		}
		for _, b := range Validate(p).Of(SeverityError) {
			message, _, _ := strings.Cut(b.Error(), ", at most")
			got = append(got, message)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Fatalf("seed %d, quota %d: got\n%s\nwant\n%s", seed, p.Quotas.RulesPerGroup,
				strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if within < 500 || beyond < 500 {
		t.Errorf("one-sided: %d counters within their quota, %d beyond", within, beyond)
	}
}

// TestNearQuotaIsToldOnce: a few counters that are nearly used up are named one by one;
// of many it is told how many groups they belong to, and which is the fullest.
func TestNearQuotaIsToldOnce(t *testing.T) {
	notices := func(groups int) (out []string) {
		p := &Policy{Quotas: DefaultQuotas}
		p.Quotas.RulesPerGroup = 5
		for g := range groups {
			group := Group{Name: fmt.Sprintf("g%d", g), Description: "x"}
			for i := range 4 + g%2 {
				group.Ingress = append(group.Ingress, Rule{Protocol: TCP, From: i + 1, To: i + 1,
					Peer: cidr("10.0.0.0/8")})
			}
			p.Groups = append(p.Groups, group)
		}
		for _, b := range Validate(p) {
			if b.Severity == SeverityNotice {
				out = append(out, b.Message)
			}
		}
		return out
	}
	few := []string{`group "g0" uses 4 of 5 ingress rules for IPv4`,
		`group "g1" uses 5 of 5 ingress rules for IPv4`, `group "g2" uses 4 of 5 ingress rules for IPv4`}
	if got := notices(3); !slices.Equal(got, few) {
		t.Errorf("3 groups: %q", got)
	}
	many := []string{`100 groups are close to their quota; the fullest is "g1" with 5 of 5 ingress ` +
		`rules for IPv4`}
	if got := notices(100); !slices.Equal(got, many) {
		t.Errorf("100 groups: %q", got)
	}
}
