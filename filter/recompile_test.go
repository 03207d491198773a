package filter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/policy/member"
)

// tenants has n interfaces with a group each, which permits ingress TCP to one
// port from a network, from a prefix list and from the members of the group
// "office". What permits nothing shares the matchers of nothing.
func tenants(n int, list string, office string) *policy.Policy {
	p := &policy.Policy{
		PrefixLists: []policy.PrefixList{
			{Name: "list", Entries: []policy.PrefixEntry{{CIDR: netip.MustParsePrefix(list)}}}},
		Groups: []policy.Group{{Name: "office"}},
		Remotes: []policy.Remote{{Name: "desk", Groups: []string{"office"},
			Addresses: []netip.Addr{netip.MustParseAddr(office)}}},
		Settings: policy.DefaultSettings,
	}
	for i := range n {
		name := fmt.Sprintf("group%d", i)
		rules := []policy.Rule{{Peer: policy.Peer{
			CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16)}}}
		switch i {
		case 0:
			rules = append(rules, policy.Rule{Peer: policy.Peer{Kind: policy.PeerPrefixList, Name: "list"}})
		case 1:
			rules = append(rules, policy.Rule{Peer: policy.Peer{Kind: policy.PeerGroup, Name: "office"}})
		}
		for j := range rules {
			rules[j].Protocol, rules[j].From, rules[j].To = policy.TCP, 1000+i, 1000+i
		}
		p.Groups = append(p.Groups, policy.Group{Name: name, Ingress: rules})
		p.Interfaces = append(p.Interfaces, policy.Interface{
			Device: fmt.Sprintf("veth%d", i), Groups: []string{name}, Timeouts: policy.DefaultTimeouts,
		})
	}
	return p
}

// TestRecompileBuildsWhatChanged counts the matchers that each change costs.
func TestRecompileBuildsWhatChanged(t *testing.T) {
	c := NewCompiler()
	compile := func(p *policy.Policy) *Ruleset {
		return c.Compile(p, member.Resolve(p, member.Facts{}))
	}
	const list, office = "198.51.100.0/24", "192.0.2.7"
	original := tenants(50, list, office)
	for _, step := range []struct {
		what  string
		p     *policy.Policy
		built int
	}{
		// One for ingress IPv4 of each group, and one that permits nothing.
		{"the first", original, 51},
		{"the same again", tenants(50, list, office), 0},
		{"a rule is described", func() *policy.Policy {
			p := tenants(50, list, office)
			p.Groups[9].Ingress[0].Description = "backup"
			return p
		}(), 0},
		{"a group gets a rule", func() *policy.Policy {
			p := tenants(50, list, office)
			g := &p.Groups[9]
			g.Ingress = append(g.Ingress, policy.Rule{
				Protocol: policy.UDP, From: 53, To: 53,
				Peer: policy.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")},
			})
			return p
		}(), 1},
		{"it loses the rule", tenants(50, list, office), 1},
		{"a list has another entry", tenants(50, "203.0.113.0/24", office), 1},
		{"a group has another member", tenants(50, "203.0.113.0/24", "192.0.2.8"), 1},
		{"two groups on one interface", func() *policy.Policy {
			p := tenants(50, "203.0.113.0/24", "192.0.2.8")
			p.Interfaces[3].Groups = []string{"group3", "group4"}
			return p
		}(), 1},
		{"in another order", func() *policy.Policy {
			p := tenants(50, "203.0.113.0/24", "192.0.2.8")
			p.Interfaces[3].Groups = []string{"group4", "group3"}
			slices.Reverse(p.Groups)
			return p
		}(), 0},
		{"a device is gone", tenants(49, "203.0.113.0/24", "192.0.2.8"), 1}, // group3 stands alone again
		{"it is back, and was not kept", tenants(50, "203.0.113.0/24", "192.0.2.8"), 1},
	} {
		before := c.built
		compile(step.p)
		if got := c.built - before; got != step.built {
			t.Errorf("%s: %d matchers built, want %d", step.what, got, step.built)
		}
		if kept := len(c.matchers); kept > 60 {
			t.Errorf("%s: %d matchers kept", step.what, kept)
		}
	}
}

// TestRecompileAgainstFresh changes random policies step by step and compares
// what the Compiler that saw them all says with a Compiler that saw the last
// one alone.
func TestRecompileAgainstFresh(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	passed, dropped, reused := 0, 0, 0
	for range 40 {
		c := NewCompiler()
		p := randomPolicy(rng)
		for range 12 {
			m := member.Resolve(p, member.Facts{})
			before := c.built
			again, fresh := c.Compile(p, m), Compile(p, m)
			if c.built-before < 2*len(p.Groups) {
				reused++
			}
			for range 200 {
				q := randomQuery(rng, p)
				pkt := q.packet()
				if FailsafeOf(&pkt, q.Direction) != policy.NoFailsafe {
					continue
				}
				a := again.Device(q.Device)
				got := byRules(a, q.Direction, &pkt)
				want := byRules(fresh.Device(q.Device), q.Direction, &pkt)
				if got.Reason != want.Reason {
					t.Fatalf("%+v: %s, a fresh Compiler says %s", q, got.Reason, want.Reason)
				}
				if !got.Accept() {
					dropped++
					continue
				}
				passed++
				info, ok := again.Rule(got.Rule)
				if !ok || info.Gone || info.Direction != q.Direction ||
					!slices.Contains(a.Interface().Groups, info.Group) || !naiveProtocol(info.Rule, q) {
					t.Fatalf("%+v: the deciding rule %+v does not permit it", q, info)
				}
			}
			p = change(rng, p)
		}
	}
	if passed < 1000 || dropped < 1000 || reused < 100 {
		t.Errorf("%d passed, %d dropped, %d rulesets reused something: the test is one-sided", passed,
			dropped, reused)
	}
}

// change returns p with one part of it changed; p stays as it is.
func change(rng *rand.Rand, p *policy.Policy) *policy.Policy {
	n := *p
	n.PrefixLists, n.Groups = slices.Clone(p.PrefixLists), slices.Clone(p.Groups)
	n.Interfaces, n.Remotes = slices.Clone(p.Interfaces), slices.Clone(p.Remotes)
	g := &n.Groups[rng.IntN(len(n.Groups))]
	rules := &g.Ingress
	if rng.IntN(2) == 0 {
		rules = &g.Egress
	}
	*rules = slices.Clone(*rules)
	switch rng.IntN(6) {
	case 0:
		*rules = append(*rules, randomRule(rng))
	case 1:
		if len(*rules) > 0 {
			*rules = slices.Delete(*rules, 0, 1)
		}
	case 2:
		rng.Shuffle(len(*rules), func(i, j int) { (*rules)[i], (*rules)[j] = (*rules)[j], (*rules)[i] })
	case 3:
		l := &n.PrefixLists[rng.IntN(len(n.PrefixLists))]
		l.Entries = append(slices.Clone(l.Entries),
			policy.PrefixEntry{CIDR: randomPrefix(rng, l.Name == "list1")})
	case 4:
		r := &n.Remotes[rng.IntN(len(n.Remotes))]
		r.Addresses = []netip.Addr{randomPeer(rng, false), randomPeer(rng, true)}
	default:
		in := &n.Interfaces[rng.IntN(len(n.Interfaces))]
		in.Groups = []string{g.Name}
	}
	return &n
}

// BenchmarkRecompile changes one rule of one group among 100 groups of 100
// rules, each on an interface of its own.
func BenchmarkRecompile(b *testing.B) {
	p := &policy.Policy{Settings: policy.DefaultSettings}
	for i := range 100 {
		name := fmt.Sprint("g", i)
		p.Groups = append(p.Groups, policy.Group{Name: name, Ingress: benchPolicy(100).Groups[0].Ingress})
		p.Interfaces = append(p.Interfaces,
			policy.Interface{Device: fmt.Sprint("veth", i), Groups: []string{name}})
	}
	rule := &p.Groups[50].Ingress[3]
	for _, c := range []struct {
		name  string
		fresh bool
	}{{"all", true}, {"one group", false}} {
		b.Run(c.name, func(b *testing.B) {
			compiler := NewCompiler()
			compiler.Compile(p, nil)
			for i := 0; b.Loop(); i++ {
				rule.From, rule.To = 2000+i%2, 2000+i%2
				if c.fresh {
					compiler.matchers = nil
				}
				if rs := compiler.Compile(p, nil); rs.attachments[0].matchers[conntrack.Ingress][0] == nil {
					b.Fatal("no matcher")
				}
			}
		})
	}
}
