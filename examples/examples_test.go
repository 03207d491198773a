package examples

import (
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sgfw/policy"
	"sgfw/policy/file"
	"sgfw/policy/member"
)

func load(t *testing.T, path string) *policy.Policy {
	t.Helper()
	p, problems, err := file.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) > 0 {
		t.Errorf("an example without a remark, please:\n%v", problems)
	}
	return p
}

// TestAll loads every example there is.
func TestAll(t *testing.T) {
	var paths []string
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".yaml") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) < 5 {
		t.Fatalf("found %v, %v", paths, err)
	}
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			if p := load(t, path); len(p.Interfaces) == 0 || len(p.Groups) == 0 {
				t.Error("it filters nothing")
			}
		})
	}
}

// sees reports which group of the policy's first interface has a CIDR or prefix
// list that holds the address, for a protocol and port or type, inbound.
func sees(p *policy.Policy, from string, proto policy.Protocol, port int) []string {
	addr := netip.MustParseAddr(from)
	var groups []string
	for _, name := range p.Interfaces[0].Groups {
		for _, r := range p.Group(name).Ingress {
			cidrs := []netip.Prefix{r.Peer.CIDR}
			if r.Peer.Kind == policy.PeerPrefixList {
				cidrs = nil
				for _, e := range p.PrefixList(r.Peer.Name).Entries {
					cidrs = append(cidrs, e.CIDR)
				}
			}
			held := slices.ContainsFunc(cidrs, func(c netip.Prefix) bool { return c.Contains(addr) })
			ranged := proto.HasPorts() && r.From <= port && port <= r.To || proto.IsICMP() && r.From == port
			if held && r.Protocol == proto && ranged {
				groups = append(groups, name)
			}
		}
	}
	return groups
}

func TestWebServer(t *testing.T) {
	p := load(t, "web-server.yaml")
	for _, tt := range []struct {
		from  string
		proto policy.Protocol
		port  int
		want  string
	}{
		{"198.51.100.10", policy.TCP, 443, "web"},
		{"203.0.113.10", policy.TCP, 80, "web"},
		{"2001:db8:d::10", policy.TCP, 443, "web"},
		{"198.51.100.10", policy.TCP, 22, "office-access"},
		{"2001:db8:c::10", policy.TCP, 22, "office-access"},
		{"203.0.113.10", policy.TCP, 22, ""},
		{"2001:db8:d::10", policy.TCP, 22, ""},
		{"198.51.100.10", policy.ICMP, 8, "office-access"},
		{"2001:db8:c::10", policy.ICMPv6, 128, "office-access"},
		{"203.0.113.10", policy.ICMP, 8, ""},
		{"2001:db8:d::10", policy.ICMPv6, 128, ""},
		{"198.51.100.10", policy.TCP, 3306, ""},
		{"198.51.100.10", policy.UDP, 443, ""},
	} {
		if got := strings.Join(sees(p, tt.from, tt.proto, tt.port), " "); got != tt.want {
			t.Errorf("%s %s %d is allowed by %q, want %q", tt.from, tt.proto, tt.port, got, tt.want)
		}
	}
	if p.Interfaces[0].Device != "eth0" || len(p.Group("office-access").Egress) != 0 {
		t.Error("not what the comments say")
	}
}

func TestHost(t *testing.T) {
	p := load(t, "host.yaml")
	for device, want := range map[string]bool{
		"eth0": true, "enp1s0": true, "lo": false, "wlan0": false} {
		if _, ok := p.Match(device); ok != want {
			t.Errorf("%s managed: %v, want %v", device, ok, want)
		}
	}
	if got := p.Group("ssh").Egress; !cmp.Equal(got, policy.DefaultEgress(),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })) {
		t.Errorf("egress is %v, want the default", got)
	}
}

// TestThreeTier: the groups are the same in all files, and each machine knows the
// others by group.
func TestThreeTier(t *testing.T) {
	addresses := map[string][]netip.Addr{
		"web": {netip.MustParseAddr("10.0.1.10"), netip.MustParseAddr("2001:db8:1::10")},
		"app": {netip.MustParseAddr("10.0.2.10"), netip.MustParseAddr("2001:db8:2::10")},
		"db":  {netip.MustParseAddr("10.0.3.10"), netip.MustParseAddr("2001:db8:3::10")},
	}
	first := load(t, "three-tier/web.yaml")
	for tier := range addresses {
		p := load(t, "three-tier/"+tier+".yaml")
		if diff := cmp.Diff(first.Groups, p.Groups, cmpopts.IgnoreTypes(policy.Pos{}),
			cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("the groups of web.yaml and %s.yaml differ:\n%s", tier, diff)
		}
		if got := p.Interfaces[0].Groups; !slices.Equal(got, []string{tier}) {
			t.Errorf("%s.yaml is the file of %v", tier, got)
		}
		m := member.Resolve(p, member.Facts{
			Links: []member.Link{{Name: "eth0", Addresses: addresses[tier]}}})
		for group, want := range addresses {
			if got := m.Addresses(group); !slices.EqualFunc(got, want,
				func(p netip.Prefix, a netip.Addr) bool { return p.IsSingleIP() && p.Addr() == a }) {
				t.Errorf("%s.yaml: members of %s are %v, want %v", tier, group, got, want)
			}
		}
	}
}

// TestTwoUplinks: the uplinks share, and nobody else does.
func TestTwoUplinks(t *testing.T) {
	scopes := make(map[string]string)
	for _, in := range load(t, "two-uplinks.yaml").Interfaces {
		scopes[in.Device] = in.Scope
	}
	if diff := cmp.Diff(map[string]string{"eth0": "uplinks", "eth1": "uplinks", "eth2": ""},
		scopes); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
}
