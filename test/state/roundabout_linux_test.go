package state

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// The addresses of two machines that know each other by two ways, one for each
// direction.
var (
	farSelf  = []netip.Addr{harness.IP("203.0.113.10"), harness.IP("2001:db8:f::10")}
	nearSelf = []netip.Addr{harness.IP("198.51.100.10"), harness.IP("2001:db8:e::10")}
)

// roundabout is far and near with three links. What far sends to near goes over
// eth1, what near sends to far over eth0.
func roundabout(t *testing.T) (far, near *netlab.Host) {
	t.Helper()
	net := netlab.Topology{Hosts: []netlab.HostSpec{{Name: "far"}, {Name: "near"}}}
	for i := range 3 {
		dev := fmt.Sprint("eth", i)
		net.Links = append(net.Links, netlab.LinkSpec{
			A: netlab.End{Host: "far", Dev: dev, Addrs: []netip.Prefix{
				netip.MustParsePrefix(fmt.Sprintf("10.0.%d.1/24", i)),
				netip.MustParsePrefix(fmt.Sprintf("2001:db8:%d::1/64", i))}},
			B: netlab.End{Host: "near", Dev: dev, Addrs: []netip.Prefix{
				netip.MustParsePrefix(fmt.Sprintf("10.0.%d.2/24", i)),
				netip.MustParsePrefix(fmt.Sprintf("2001:db8:%d::2/64", i))}},
		})
	}
	for family := range 2 {
		bits := nearSelf[family].BitLen()
		net.Hosts[0].Routes = append(net.Hosts[0].Routes,
			netlab.Route{Dst: netip.PrefixFrom(nearSelf[family], bits),
				Via: []netip.Addr{harness.IP("10.0.1.2"), harness.IP("2001:db8:1::2")}[family]})
		net.Hosts[1].Routes = append(net.Hosts[1].Routes,
			netlab.Route{Dst: netip.PrefixFrom(farSelf[family], bits),
				Via: []netip.Addr{harness.IP("10.0.0.1"), harness.IP("2001:db8::1")}[family]})
	}
	lab := labtest.New(t, net)
	far, near = lab.Host("far"), lab.Host("near")
	for family := range 2 {
		harness.AddAddr(t, far, "lo", netip.PrefixFrom(farSelf[family],
			farSelf[family].BitLen()).String())
		harness.AddAddr(t, near, "lo",
			netip.PrefixFrom(nearSelf[family], nearSelf[family].BitLen()).String())
	}
	return far, near
}

// roundaboutPolicy lets near be asked at eth1 and ask at eth0, each by one port.
func roundaboutPolicy(scope string) string {
	if scope != "" {
		scope = ", scope: " + scope
	}
	return fmt.Sprintf(`
version: 1
security_groups:
  - { name: asked, description: What comes in, ingress: [%[1]s], egress: [] }
  - { name: asks, description: What goes out, egress: [%[2]s] }
  - { name: closed, description: Nothing, egress: [] }
interfaces:
  - { device: eth0, security_groups: [asks]%[3]s }
  - { device: eth1, security_groups: [asked]%[3]s }
  - { device: eth2, security_groups: [closed] }
settings: { queues: { count: 1 } }
`, strings.Join(append(harness.AllowPing(),
		harness.Allow("tcp", 8000), harness.Allow("udp", 8000)), ", "),
		strings.Join([]string{harness.Allow("tcp", 8001), harness.Allow("udp", 8001)}, ", "), scope)
}
