package netlab

import "net/netip"

// Pair is client — server on one link, each with a device eth0: client
// 192.0.2.1 and 2001:db8::1, server 192.0.2.2 and 2001:db8::2.
func Pair() Topology {
	return Topology{
		Hosts: []HostSpec{{Name: "client"}, {Name: "server"}},
		Links: []LinkSpec{{
			A: End{Host: "client", Dev: "eth0", Addrs: prefixes("192.0.2.1/24", "2001:db8::1/64")},
			B: End{Host: "server", Dev: "eth0", Addrs: prefixes("192.0.2.2/24", "2001:db8::2/64")},
		}},
	}
}

// Router is client — fw — server, and an attacker on a third device of fw.
// Everybody's own device is eth0; fw reaches the client through eth0, the server
// through eth1 and the attacker through eth2. The hosts are number 10 of their
// subnet, fw is number 1:
//
//	client    192.0.2.0/24     2001:db8:1::/64
//	server    198.51.100.0/24  2001:db8:2::/64
//	attacker  203.0.113.0/24   2001:db8:3::/64
func Router() Topology {
	t := Topology{Hosts: []HostSpec{{Name: "fw", Forward: true}}}
	for _, s := range []struct{ host, dev, own4, gw4, own6, gw6 string }{
		{"client", "eth0", "192.0.2.10/24", "192.0.2.1/24", "2001:db8:1::10/64", "2001:db8:1::1/64"},
		{"server", "eth1", "198.51.100.10/24", "198.51.100.1/24", "2001:db8:2::10/64",
			"2001:db8:2::1/64"},
		{"attacker", "eth2", "203.0.113.10/24", "203.0.113.1/24", "2001:db8:3::10/64",
			"2001:db8:3::1/64"},
	} {
		gw := prefixes(s.gw4, s.gw6)
		t.Hosts = append(t.Hosts, HostSpec{
			Name: s.host, Routes: DefaultRoutes(gw[0].Addr(), gw[1].Addr())})
		t.Links = append(t.Links, LinkSpec{
			A: End{Host: s.host, Dev: "eth0", Addrs: prefixes(s.own4, s.own6)},
			B: End{Host: "fw", Dev: s.dev, Addrs: gw},
		})
	}
	return t
}

// DefaultRoutes are default routes through the given next hops, one for each.
func DefaultRoutes(via ...netip.Addr) []Route {
	routes := make([]Route, len(via))
	for i, a := range via {
		all := netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		if a.Is4() {
			all = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		}
		routes[i] = Route{Dst: all, Via: a}
	}
	return routes
}

func prefixes(text ...string) []netip.Prefix {
	p := make([]netip.Prefix, len(text))
	for i, s := range text {
		p[i] = netip.MustParsePrefix(s)
	}
	return p
}
