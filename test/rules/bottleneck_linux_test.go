package rules

import (
	"net/netip"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// bottleneck is client — r1 — r2 — server with a link between the routers that
// carries less than the links of the ends announce, so that only path MTU
// discovery gets a large segment through (RFC 1191, RFC 8201). The lab's TCP does
// not probe for black holes.
func bottleneck() netlab.Topology {
	prefix := netip.MustParsePrefix
	end := func(host, dev, p4, p6 string) netlab.End {
		return netlab.End{Host: host, Dev: dev, Addrs: []netip.Prefix{prefix(p4), prefix(p6)}}
	}
	via := func(dst string, hop string) netlab.Route {
		return netlab.Route{Dst: prefix(dst), Via: harness.IP(hop)}
	}
	return netlab.Topology{
		Hosts: []netlab.HostSpec{
			{Name: "client", Routes: netlab.DefaultRoutes(harness.IP("192.0.2.1"),
				harness.IP("2001:db8:1::1"))},
			{Name: "r1", Forward: true, Routes: []netlab.Route{
				via("203.0.113.0/24", "198.51.100.2"), via("2001:db8:3::/64", "2001:db8:2::2")}},
			{Name: "r2", Forward: true, Routes: []netlab.Route{
				via("192.0.2.0/24", "198.51.100.1"), via("2001:db8:1::/64", "2001:db8:2::1")}},
			{Name: "server", Routes: netlab.DefaultRoutes(harness.IP("203.0.113.1"),
				harness.IP("2001:db8:3::1"))},
		},
		Links: []netlab.LinkSpec{
			{A: end("client", "eth0", "192.0.2.10/24", "2001:db8:1::10/64"),
				B: end("r1", "eth0", "192.0.2.1/24", "2001:db8:1::1/64")},
			{A: end("r1", "eth1", "198.51.100.1/24", "2001:db8:2::1/64"),
				B: end("r2", "eth0", "198.51.100.2/24", "2001:db8:2::2/64"), MTU: 1280},
			{A: end("r2", "eth1", "203.0.113.1/24", "2001:db8:3::1/64"),
				B: end("server", "eth0", "203.0.113.10/24", "2001:db8:3::10/64")},
		},
	}
}
