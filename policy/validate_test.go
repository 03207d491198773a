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

// TestValidateValues: a policy that no file wrote is checked as well; what a file
// cannot say is refused too.
func TestValidateValues(t *testing.T) {
	parity.Proves(t, "R2", "R3", "R19", "R32", "Q7", "Q8")
	in := func(rules ...Rule) *Policy {
		for i := range rules {
			rules[i].Index = i
		}
		return attachedTo(Group{Name: "a", Ingress: rules}, Group{Name: "b"})
	}
	group := func(name string) Peer { return Peer{Kind: PeerGroup, Name: name} }
	described := func(r Rule) Rule { r.Description = "Another one"; return r }
	changed := func(change func(*Policy)) *Policy {
		p := in()
		change(p)
		return p
	}
	for _, tt := range []struct {
		name string
		p    *Policy
		want string
	}{
		{"good", in(rule(TCP, 1, 1, group("b")), rule(TCP, 1, 1, group("a")),
			rule(UDP, 1, 1, cidr("::/0"))), ""},
		{"R3", in(rule(TCP, 1, 1, cidr("::/0")), described(rule(TCP, 1, 1, cidr("::/0")))),
			"InvalidPermission.Duplicate"},
		{"R19", attachedTo(Group{Name: "a",
			Ingress: []Rule{rule(TCP, 1, 1, cidr("::/0")), rule(TCP, 1, 1, cidr("::/0"))}}),
			"InvalidParameterValue"},
		{"R3, self and own name", in(rule(TCP, 1, 1, group("a")),
			rule(TCP, 1, 1, Peer{Kind: PeerGroup, Name: "a", Self: true})), "InvalidPermission.Duplicate"},
		{"other ports", in(rule(TCP, 1, 1, cidr("::/0")), rule(TCP, 1, 2, cidr("::/0"))), ""},
		{"self of another", in(rule(TCP, 1, 1, Peer{Kind: PeerGroup, Name: "b", Self: true})),
			"InvalidParameterValue"},
		{"unknown group", in(rule(TCP, 1, 1, group("c"))), "InvalidGroup.NotFound"},
		{"unknown list", in(rule(TCP, 1, 1, Peer{Kind: PeerPrefixList, Name: "c"})),
			"InvalidPrefixListID.NotFound"},
		{"host bits", in(rule(TCP, 1, 1, Peer{CIDR: netip.MustParsePrefix("10.0.0.1/8")})),
			"InvalidParameterValue"},
		{"no CIDR", in(rule(TCP, 1, 1, Peer{})), "InvalidParameterValue"},
		{"no such kind", in(rule(TCP, 1, 1, Peer{Kind: 9})), "InvalidParameterValue"},
		{"no such protocol", in(rule(300, -1, -1, cidr("::/0"))), "InvalidParameterValue"},
		{"ports on ESP", in(rule(50, 1, 1, cidr("::/0"))), "InvalidParameterValue"},
		{"names", attachedTo(Group{Name: "Web"}, Group{Name: "web"}), "InvalidGroup.Duplicate"},
		{"Q6", changed(func(p *Policy) {
			p.Interfaces[0].Groups = []string{"a", "b", "a", "b", "a", "b"}
		}),
			"SecurityGroupsPerInterfaceLimitExceeded InvalidParameterValue InvalidParameterValue " +
				"InvalidParameterValue InvalidParameterValue"},
		{"R49", changed(func(p *Policy) { p.Interfaces[0].Groups = nil }), "MissingParameter"},
		{"no timers", changed(func(p *Policy) { p.Interfaces[0].Timeouts = Timeouts{} }),
			"InvalidParameterValue InvalidParameterValue InvalidParameterValue InvalidParameterValue"},
		{"no settings", changed(func(p *Policy) { p.Settings = Settings{} }),
			"InvalidParameterValue InvalidParameterValue InvalidParameterValue InvalidParameterValue"},
		{"no mode", changed(func(p *Policy) { p.Interfaces[0].Mode = 7 }), "InvalidParameterValue"},
		{"guest", changed(func(p *Policy) { p.Interfaces[0].Mode = ModeGuest }), ""},
		{"D9, a host", changed(func(p *Policy) { p.Interfaces[0].SourceDestCheck = true }),
			"InvalidParameterCombination"},
		{"D9, no addresses", changed(func(p *Policy) {
			p.Interfaces[0].Mode, p.Interfaces[0].SourceDestCheck = ModeGuest, true
		}), "InvalidParameterCombination"},
		{"T26, a guest", changed(func(p *Policy) {
			p.Interfaces[0].Mode, p.Interfaces[0].Scope = ModeGuest, "uplinks"
		}), "InvalidParameterCombination"},
		{"Q7", &Policy{Groups: slices.Repeat([]Group{{}}, 2501), Quotas: DefaultQuotas,
			Settings: DefaultSettings}, "SecurityGroupLimitExceeded" +
			strings.Repeat(" MissingParameter MissingParameter", 999) + " MissingParameter"},
	} {
		if got := codes(Validate(tt.p)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestValidateDoesNotCareAboutOrder: groups, rules, lists and interfaces in
// another order are as good or bad, for the same reasons (R4, D6).
func TestValidateDoesNotCareAboutOrder(t *testing.T) {
	parity.Proves(t, "R4")
	good, bad := 0, 0
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		p := randomPolicy(rnd)
		before := reasons(Validate(p))
		shuffle(rnd, p.Groups)
		shuffle(rnd, p.PrefixLists)
		shuffle(rnd, p.Interfaces)
		shuffle(rnd, p.Remotes)
		for i := range p.Groups {
			shuffle(rnd, p.Groups[i].Ingress)
			shuffle(rnd, p.Groups[i].Egress)
		}
		if after := reasons(Validate(p)); !slices.Equal(before, after) {
			t.Fatalf("seed %d: %q, in another order %q", seed, before, after)
		}
		if len(before) == 0 {
			good++
		} else {
			bad++
		}
	}
	if good < 100 || bad < 100 {
		t.Errorf("one-sided: %d good, %d bad", good, bad)
	}
}

func shuffle[T any](rnd *rand.Rand, s []T) {
	rnd.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

// reasons are the codes of the errors, sorted.
func reasons(ps Problems) []string {
	var rs []string
	for _, p := range ps.Of(SeverityError) {
		rs = append(rs, fmt.Sprint(p.Code, " ", p.Field))
	}
	slices.Sort(rs)
	return rs
}

// randomPolicy is small, so that names and rules meet.
func randomPolicy(rnd *rand.Rand) *Policy {
	p := &Policy{Quotas: DefaultQuotas, Settings: DefaultSettings}
	names := []string{"a", "b", "c", "d"}
	pick := func(s []string) string { return s[rnd.IntN(len(s))] }
	for _, n := range names[:1+rnd.IntN(4)] {
		g := Group{Name: n, Description: "x"}
		for _, rules := range []*[]Rule{&g.Ingress, &g.Egress} {
			for i := range rnd.IntN(4) {
				peers := []Peer{
					{Kind: PeerGroup, Name: pick(names[:1+rnd.IntN(2)])},
					{Kind: PeerPrefixList, Name: pick([]string{"l", "m"})},
					cidr("::/0"), cidr("10.0.0.0/8"), cidr("0.0.0.0/0"),
				}
				r := rule(TCP, rnd.IntN(9), 8, peers[rnd.IntN(len(peers))])
				r.Index = i
				*rules = append(*rules, r)
			}
		}
		p.Groups = append(p.Groups, g)
	}
	for _, n := range []string{"l", "m"}[:1+rnd.IntN(2)] {
		l := PrefixList{Name: n, MaxEntries: 1 + rnd.IntN(40)}
		for i := range rnd.IntN(2) {
			l.Entries = append(l.Entries, PrefixEntry{
				CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i)}), 16)})
		}
		p.PrefixLists = append(p.PrefixLists, l)
	}
	for _, d := range []string{"eth0", "eth*"} {
		p.Interfaces = append(p.Interfaces,
			Interface{Device: d, Groups: []string{pick(names[:1+rnd.IntN(2)])}, Timeouts: DefaultTimeouts})
	}
	p.Remotes = append(p.Remotes, Remote{
		Name: "r", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, Groups: []string{"a"}})
	return p
}

// TestRuleString pins what explanations and messages print.
func TestRuleString(t *testing.T) {
	for _, tt := range []struct {
		r    Rule
		want string
	}{
		{rule(TCP, 443, 443, cidr("0.0.0.0/0")), "tcp 443 0.0.0.0/0"},
		{rule(UDP, 1, 9, Peer{Kind: PeerPrefixList, Name: "office"}), "udp 1-9 list office"},
		{rule(ICMP, 8, -1, Peer{Kind: PeerGroup, Name: "app"}), "icmp type 8 group app"},
		{rule(AllProtocols, -1, -1, cidr("::/0")), "all ::/0"},
		{rule(50, -1, -1, cidr("::/0")), "50 ::/0"},
	} {
		if got := tt.r.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// TestICMPTables: R11 warns about what no packet has and about nothing else.
func TestICMPTables(t *testing.T) {
	parity.Proves(t, "R11")
	for _, tt := range []struct {
		p    Protocol
		typ  int
		code int
		dead bool
	}{
		{ICMP, -1, -1, false}, {ICMP, 8, -1, false}, {ICMP, 8, 0, false}, {ICMP, 8, 8, true},
		{ICMP, 3, 4, false}, {ICMP, 3, 15, false},
		{ICMP, 3, 16, true}, {ICMP, 1, -1, true}, {ICMP, 128, -1, true}, {ICMP, 254, 9, false},
		{ICMP, 11, 1, false}, {ICMP, 11, 2, true},
		{ICMPv6, 128, 0, false}, {ICMPv6, 8, -1, true}, {ICMPv6, 2, 0, false}, {ICMPv6, 2, 1, true},
		{ICMPv6, 1, 8, false}, {ICMPv6, 1, 9, true},
		{ICMPv6, 135, 0, false}, {ICMPv6, 200, 200, false}, {TCP, 8, 8, false},
	} {
		r := rule(tt.p, tt.typ, tt.code, cidr("::/0"))
		if w := DeadICMP(&r); (w != nil) != tt.dead || w != nil && w.Severity != SeverityWarning {
			t.Errorf("%v %d/%d: %v, want dead %v", tt.p, tt.typ, tt.code, w, tt.dead)
		}
	}
}
