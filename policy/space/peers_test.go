package space

import (
	"fmt"
	"math"
	"net/netip"
	"testing"

	"sgfw/policy"
	"sgfw/policy/member"
)

func cidrs(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestCIDRs(t *testing.T) {
	for want, p := range map[string]Peers{
		"[10.0.0.0/8 2001:db8::/32]": PeersOf(cidrs("2001:db8::/33", "10.0.0.0/9", "10.128.0.0/9",
			"10.1.0.0/16", "2001:db8:8000::/33")...),
		"[0.0.0.0/0 ::/0]": PeersOf(cidrs("::/1", "0.0.0.0/1", "8000::/1", "128.0.0.0/1")...),
		"[255.255.255.254/31 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128]": PeersOf(cidrs(
			"255.255.255.255/32", "255.255.255.254/32",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128")...),
		"[10.0.0.1/32 10.0.0.2/31 10.0.0.4/30]": PeersOf(cidrs("10.0.0.0/29")...).
			Minus(PeersOf(cidrs("10.0.0.0/32")...)),
		"[::1/128 ::2/127]": PeersOf(cidrs("::/126")...).Minus(PeersOf(cidrs("::/128")...)),
		"[]":                {},
	} {
		if got := fmt.Sprint(p.CIDRs()); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestShare(t *testing.T) {
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	half := PeersOf(cidrs("0.0.0.0/1")...)
	near("half", half.Share(policy.IPv4), 0.5)
	near("of the other family", half.Share(policy.IPv6), 0)
	near("everybody", PeersOf(policy.AnyIPv4).Share(policy.IPv4), 1)
	near("everybody of IPv6", PeersOf(policy.AnyIPv6).Share(policy.IPv6), 1)
	near("one", PeersOf(cidrs("192.0.2.1/32")...).Share(policy.IPv4), math.Pow(2, -32))
	near("the internet", PeersOf(policy.AnyIPv4).ShareOf(Internet(), policy.IPv4), 1)
	near("the internet of IPv6", PeersOf(cidrs("2000::/3")...).ShareOf(Internet(), policy.IPv6), 1)
	near("private addresses", PeersOf(cidrs("10.0.0.0/8", "192.168.0.0/16")...).
		ShareOf(Internet(), policy.IPv4), 0)
	near("none of nothing", half.ShareOf(Peers{}, policy.IPv4), 0)
	for address, want := range map[string]bool{"8.8.8.8": true, "10.1.2.3": false,
		"192.168.1.1": false, "2606:4700::1": true, "2001:db8::1": false, "fe80::1": false,
		"fd00::1": false, "224.0.0.1": false} {
		if Internet().Contains(netip.MustParseAddr(address)) != want {
			t.Errorf("%s is of the internet: not %t", address, want)
		}
	}
}

// TestReading: what a group and a list stand for, by what is known of their members.
func TestReading(t *testing.T) {
	p := &policy.Policy{
		PrefixLists: []policy.PrefixList{{Name: "office", Entries: []policy.PrefixEntry{
			{CIDR: netip.MustParsePrefix("192.0.2.0/25")},
			{CIDR: netip.MustParsePrefix("192.0.2.128/25")}}}, {Name: "empty"}},
		Remotes: []policy.Remote{{Name: "db-1", Groups: []string{"db"},
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.7")}}},
	}
	members := member.Resolve(p, member.Facts{})
	rule := func(proto policy.Protocol, kind policy.PeerKind, name string) *policy.Rule {
		return &policy.Rule{Protocol: proto, From: -1, To: -1, Peer: policy.Peer{Kind: kind, Name: name}}
	}
	db, office := rule(-1, policy.PeerGroup, "db"), rule(-1, policy.PeerPrefixList, "office")
	ping := rule(policy.ICMP, policy.PeerGroup, "db")
	for _, c := range []struct {
		got  Peers
		want string
	}{
		{Read(p, members).Peers(db), "[10.0.1.7/32] [{2 db IPv4} {2 db IPv6}]"},
		{Read(p, nil).Peers(db), "[] [{2 db IPv4} {2 db IPv6}]"},
		{Read(p, nil).Peers(ping), "[] [{2 db IPv4}]"},
		{Read(p, nil).Renaming(map[string]string{"db": "data"}).Peers(ping), "[] [{2 data IPv4}]"},
		{Read(p, nil).Peers(office), "[192.0.2.0/24] []"},
		{ReadNames(p).Peers(office), "[] [{1 office IPv4}]"},
		{Read(p, nil).Partial(map[string]bool{"office": true}).Peers(office),
			"[192.0.2.0/24] [{1 office IPv4}]"},
		{Read(p, nil).Peers(rule(-1, policy.PeerPrefixList, "empty")),
			"[] [{1 empty IPv4} {1 empty IPv6}]"},
		{Read(p, nil).Peers(rule(-1, policy.PeerPrefixList, "nowhere")), "[] []"},
	} {
		if got := fmt.Sprint(c.got.CIDRs(), c.got.Atoms()); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
