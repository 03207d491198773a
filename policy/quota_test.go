package policy

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
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
	p := &Policy{Groups: groups, Settings: DefaultSettings}
	for i := range p.Groups {
		g := &p.Groups[i]
		if g.Description == "" {
			g.Description = "x"
		}
		p.Interfaces = append(p.Interfaces, Interface{Device: "eth" + string(rune('0'+i)), Groups: []string{g.Name}, Timeouts: DefaultTimeouts})
	}
	return p
}

// TestQuotaCounters: four counters, each with 60 and not 61 (Q1, Q2), in which a
// group counts in both families (Q3).
func TestQuotaCounters(t *testing.T) {
	both := append(many(60, IPv4), many(60, IPv6)...)
	peer := rule(UDP, 53, 53, Peer{Kind: PeerGroup, Name: "a"})
	peer.Index = 100
	for _, tt := range []struct {
		name string
		g    Group
		want string
	}{
		{"60 of each", Group{Ingress: both, Egress: both}, ""},
		{"61 IPv4 in", Group{Ingress: many(61, IPv4)}, "RulesPerSecurityGroupLimitExceeded"},
		{"61 IPv6 in", Group{Ingress: many(61, IPv6)}, "RulesPerSecurityGroupLimitExceeded"},
		{"61 IPv4 out", Group{Egress: many(61, IPv4)}, "RulesPerSecurityGroupLimitExceeded"},
		{"61 IPv6 out", Group{Egress: many(61, IPv6)}, "RulesPerSecurityGroupLimitExceeded"},
		{"60 of each and a group", Group{Ingress: append(both[:120:120], peer)}, "RulesPerSecurityGroupLimitExceeded RulesPerSecurityGroupLimitExceeded"},
		{"59 of each and a group", Group{Ingress: append(append(many(59, IPv4), many(59, IPv6)...), peer)}, ""},
	} {
		tt.g.Name = "a"
		if got := codes(Validate(attachedTo(tt.g), DefaultQuotas)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	raised := DefaultQuotas
	raised.RulesPerGroup = 61
	if got := codes(Validate(attachedTo(Group{Name: "a", Ingress: many(61, IPv4)}), raised)); got != "" {
		t.Errorf("61 rules under a quota of 61: %s", got)
	}
}

func TestUsage(t *testing.T) {
	entry4, entry6 := PrefixEntry{CIDR: netip.MustParsePrefix("10.0.0.0/8")}, PrefixEntry{CIDR: netip.MustParsePrefix("2001:db8::/32")}
	p := &Policy{PrefixLists: []PrefixList{
		{Name: "four", MaxEntries: 20, Entries: []PrefixEntry{entry4}}, // costs 20, not 1
		{Name: "six", MaxEntries: 7, Entries: []PrefixEntry{entry6}},
		{Name: "empty", MaxEntries: 3},
	}}
	list := func(name string) Peer { return Peer{Kind: PeerPrefixList, Name: name} }
	g := &Group{
		Ingress: []Rule{{Peer: list("four")}, {Peer: cidr("10.0.0.0/8")}, {Peer: Peer{Kind: PeerGroup, Name: "x"}}, {Peer: list("nowhere")}},
		Egress:  []Rule{{Peer: list("six")}, {Peer: list("empty")}, {Peer: cidr("::/0")}},
	}
	if got, want := p.Usage(g), (Usage{IngressIPv4: 22, IngressIPv6: 1, EgressIPv4: 3, EgressIPv6: 11}); got != want {
		t.Errorf("usage %+v, want %+v", got, want)
	}
	if got, want := p.Usage(&Group{Egress: DefaultEgress()}), (Usage{EgressIPv4: 1, EgressIPv6: 1}); got != want {
		t.Errorf("default egress costs %+v, want %+v", got, want)
	}
	u := Usage{1, 2, 3, 4}
	if u.Of(Ingress, IPv4) != 1 || u.Of(Ingress, IPv6) != 2 || u.Of(Egress, IPv4) != 3 || u.Of(Egress, IPv6) != 4 {
		t.Error("Of picks the wrong counter")
	}
}

// TestUsageAddsUp: the usage of a group is the sum over its rules, in any order.
func TestUsageAddsUp(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	p := &Policy{PrefixLists: []PrefixList{{Name: "l", MaxEntries: 9}}}
	peers := []Peer{cidr("10.0.0.0/8"), cidr("::/0"), {Kind: PeerGroup, Name: "g"}, {Kind: PeerPrefixList, Name: "l"}}
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
			u := p.Usage(&one)
			want.IngressIPv4 += u.IngressIPv4
			want.IngressIPv6 += u.IngressIPv6
			want.EgressIPv4 += u.EgressIPv4
			want.EgressIPv6 += u.EgressIPv6
		}
		if got := p.Usage(&g); got != want {
			t.Fatalf("usage %+v, want %+v", got, want)
		}
	}
}

func TestQuotasErr(t *testing.T) {
	for _, tt := range []struct {
		change func(*Quotas)
		ok     bool
	}{
		{func(*Quotas) {}, true},
		{func(q *Quotas) { q.RulesPerGroup = 200 }, true}, // 200 × 5 = 1000 (Q6)
		{func(q *Quotas) { q.RulesPerGroup = 201 }, false},
		{func(q *Quotas) { q.GroupsPerInterface = 16 }, true}, // 60 × 16 = 960
		{func(q *Quotas) { q.GroupsPerInterface, q.RulesPerGroup = 16, 63 }, false},
		{func(q *Quotas) { q.GroupsPerInterface, q.RulesPerGroup = 17, 1 }, false},
		{func(q *Quotas) { q.GroupsPerInterface, q.RulesPerGroup = 1, 1000 }, true},
		{func(q *Quotas) { q.RulesPerGroup = 0 }, false},
		{func(q *Quotas) { q.GroupsPerInterface = 0 }, false},
		{func(q *Quotas) { *q = Quotas{} }, false},
	} {
		q := DefaultQuotas
		tt.change(&q)
		if err := q.Err(); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", q, err)
		}
	}
}
