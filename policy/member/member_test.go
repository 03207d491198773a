package member

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sgfw/policy"
)

func addrs(texts ...string) []netip.Addr {
	var as []netip.Addr
	for _, s := range texts {
		as = append(as, netip.MustParseAddr(s))
	}
	return as
}

// members are prefixes, or addresses as prefixes of their whole length.
func members(texts ...string) (out []netip.Prefix) {
	for _, s := range texts {
		p, bad := policy.ParseAddress(s)
		if bad != nil {
			panic(bad)
		}
		out = append(out, p)
	}
	return out
}

func TestResolve(t *testing.T) {
	p := &policy.Policy{
		Interfaces: []policy.Interface{
			{Device: "eth0", Groups: []string{"web", "ssh"}},
			{Device: "eth*", Groups: []string{"other"}},
			{Device: "eth-long*", Groups: []string{"long"}},
			{Device: "fixed0", Groups: []string{"fixed"}, Addresses: addrs("192.0.2.50", "2001:db8::50")},
			{Device: "tap0", Mode: policy.ModeGuest, Groups: []string{"guest"}},
			{Device: "tap1", Mode: policy.ModeGuest, Groups: []string{"delegated"},
				Addresses: addrs("10.5.0.1", "fe80::5"), Prefixes: members("10.5.0.16/28", "2001:db8:5::/80")},
			{Device: "l*", Groups: []string{"loop"}},
			{Device: "lan", Groups: []string{"altname"}},
		},
		Remotes: []policy.Remote{{Name: "db-1", Addresses: addrs("10.0.1.7", "10.0.0.1"),
			Groups: []string{"db", "web"}},
			{Name: "far", Prefixes: members("10.6.0.0/24"), Groups: []string{"delegated"}}},
	}
	m := Resolve(p, Facts{Links: []Link{
		{Name: "eth0", Addresses: addrs("2001:db8::1", "10.0.0.2", "10.0.0.1", "fe80::1", "169.254.1.1",
			"10.0.0.1")},
		{Name: "eth1", Addresses: addrs("10.1.0.1", "::ffff:10.1.0.2", "127.0.0.9", "224.0.0.1",
			"0.0.0.0")},
		{Name: "eth-long0", Addresses: addrs("10.2.0.1")},
		{Name: "fixed0", Addresses: addrs("192.0.2.99")},
		{Name: "tap0", Addresses: addrs("10.3.0.1")},
		{Name: "lo", Addresses: addrs("192.0.2.200")},
		{Name: "wlan0", Addresses: addrs("10.4.0.1")},
		{Name: "eth7", Altnames: []string{"enp1s7", "lan"}, Addresses: addrs("10.7.0.1")},
	}})
	for _, tt := range []struct {
		group string
		want  []netip.Prefix
	}{
		// R31: both families, here and remote
		{"web", members("10.0.0.1", "10.0.0.2", "10.0.1.7", "2001:db8::1")},
		{"ssh", members("10.0.0.1", "10.0.0.2", "2001:db8::1")},
		{"other", members("10.1.0.1", "10.1.0.2")}, // not eth0: exact beats glob
		{"long", members("10.2.0.1")},              // longer glob beats shorter
		{"fixed", members("192.0.2.50", "2001:db8::50")},
		{"db", members("10.0.0.1", "10.0.1.7")},
		{"delegated", members("10.5.0.1", "10.5.0.16/28", "10.6.0.0/24", "2001:db8:5::/80")},
		{"altname", members("10.7.0.1")}, // not eth*: exact beats glob
		{"guest", nil},
		{"loop", nil},
		{"unknown", nil}, // R33
	} {
		if got := m.Addresses(tt.group); !slices.Equal(got, tt.want) {
			t.Errorf("members of %s: %v, want %v", tt.group, got, tt.want)
		}
	}
	var all []string
	for g := range m.All() {
		all = append(all, g)
	}
	if want := []string{"altname", "db", "delegated", "fixed", "long", "other", "ssh",
		"web"}; !slices.Equal(all, want) {
		t.Errorf("All yields %v, want %v", all, want)
	}
}

func TestNilMembership(t *testing.T) {
	var m *Membership
	if got := m.Addresses("web"); got != nil {
		t.Errorf("nil membership has members: %v", got)
	}
	for g := range m.All() {
		t.Errorf("nil membership yields %s", g)
	}
	empty := Resolve(&policy.Policy{}, Facts{})
	if !m.Equal(empty) || !empty.Equal(m) || !m.Equal(nil) {
		t.Error("nil and empty differ")
	}
}

// isMember is the naive twin: one question at a time, straight from R27 and R31.
func isMember(p *policy.Policy, f Facts, group string, a netip.Addr) bool {
	if a.IsLinkLocalUnicast() || a.IsLoopback() || a.IsMulticast() || a.IsUnspecified() {
		return false
	}
	for _, r := range p.Remotes {
		if slices.Contains(r.Groups, group) && slices.Contains(r.Addresses, a) {
			return true
		}
	}
	for _, n := range p.Interfaces {
		if slices.Contains(n.Groups, group) && slices.Contains(n.Addresses, a) {
			return true
		}
	}
	for _, l := range f.Links {
		if !slices.Contains(l.Addresses, a) || l.Name == "lo" {
			continue
		}
		// The governing interface: exact, else the glob with the longest stem.
		var governs *policy.Interface
		for stem := len(l.Name); stem >= 0 && governs == nil; stem-- {
			for i := range p.Interfaces {
				if p.Interfaces[i].Device == l.Name[:stem]+"*" {
					governs = &p.Interfaces[i]
				}
			}
		}
		for i := range p.Interfaces {
			if p.Interfaces[i].Device == l.Name {
				governs = &p.Interfaces[i]
			}
		}
		if governs != nil && governs.Mode == policy.ModeHost && len(governs.Addresses) == 0 &&
			slices.Contains(governs.Groups, group) {
			return true
		}
	}
	return false
}

func TestResolveAgreesWithNaive(t *testing.T) {
	devices := []string{"eth0", "eth1", "eth*", "et*", "*", "veth-a", "veth-*", "lo"}
	links := []string{"eth0", "eth1", "eth2", "veth-a", "veth-b", "lo", "wlan0"}
	pool := addrs("10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1", "2001:db8::2", "fe80::1",
		"169.254.0.1", "127.0.0.1", "192.0.2.1")
	groups := []string{"a", "b", "c", "d"}
	yes, no := 0, 0
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		pick := func(from []string, most int) []string {
			shuffled := slices.Clone(from)
			rnd.Shuffle(len(shuffled), func(i, j int) {
				shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
			})
			return shuffled[:rnd.IntN(most+1)]
		}
		pickAddrs := func(most int) []netip.Addr {
			var as []netip.Addr
			for range rnd.IntN(most + 1) {
				as = append(as, pool[rnd.IntN(len(pool))])
			}
			return as
		}
		p := &policy.Policy{}
		for _, d := range pick(devices, len(devices)) {
			n := policy.Interface{Device: d, Groups: pick(groups, 3), Mode: policy.Mode(rnd.IntN(2))}
			if rnd.IntN(3) == 0 {
				n.Addresses = pickAddrs(2)
			}
			p.Interfaces = append(p.Interfaces, n)
		}
		for i := range rnd.IntN(3) {
			p.Remotes = append(p.Remotes, policy.Remote{
				Name: fmt.Sprint(i), Addresses: pickAddrs(2), Groups: pick(groups, 2)})
		}
		var f Facts
		for _, l := range pick(links, len(links)) {
			f.Links = append(f.Links, Link{Name: l, Addresses: pickAddrs(4)})
		}
		m := Resolve(p, f)
		for _, g := range groups {
			got := m.Addresses(g)
			if !slices.IsSortedFunc(got, netip.Prefix.Compare) ||
				len(slices.Compact(slices.Clone(got))) != len(got) {
				t.Fatalf("seed %d: members of %s not sorted and unique: %v", seed, g, got)
			}
			for _, a := range pool {
				want := isMember(p, f, g, a)
				if slices.Contains(got, netip.PrefixFrom(a, a.BitLen())) != want {
					t.Fatalf("seed %d: %s in %s: %v, naive says %v", seed, a, g, !want, want)
				}
				if want {
					yes++
				} else {
					no++
				}
			}
		}
		// Order does not matter.
		rnd.Shuffle(len(p.Interfaces),
			func(i, j int) { p.Interfaces[i], p.Interfaces[j] = p.Interfaces[j], p.Interfaces[i] })
		rnd.Shuffle(len(f.Links), func(i, j int) { f.Links[i], f.Links[j] = f.Links[j], f.Links[i] })
		if again := Resolve(p, f); !again.Equal(m) || !m.Equal(again) {
			t.Fatalf("seed %d: another order, another membership", seed)
		}
		f.Links = append(f.Links, Link{Name: "eth9", Addresses: addrs("198.51.100.77")})
		if i, ok := p.Match("eth9"); ok && p.Interfaces[i].Mode == policy.ModeHost &&
			len(p.Interfaces[i].Addresses) == 0 && len(p.Interfaces[i].Groups) > 0 {
			if Resolve(p, f).Equal(m) {
				t.Fatalf("seed %d: a new member went unnoticed", seed)
			}
		}
	}
	if yes < 100 || no < 100 {
		t.Fatalf("the comparison is one-sided: %d members, %d others", yes, no)
	}
}

func TestResolveLeavesInputAlone(t *testing.T) {
	live := addrs("10.0.0.9", "10.0.0.1")
	p := &policy.Policy{Interfaces: []policy.Interface{{Device: "eth0", Groups: []string{"a"}}}}
	Resolve(p, Facts{Links: []Link{{Name: "eth0", Addresses: live}}})
	if live[0].String() != "10.0.0.9" || strings.Join(p.Interfaces[0].Groups, "") != "a" {
		t.Error("Resolve changed what it was given")
	}
}
