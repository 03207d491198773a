package test

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// tiers is the network of examples/three-tier: each machine in a subnet of its
// own, and a client outside, around one router. The web machine has a second
// address that no file names.
func tiers() netlab.Topology {
	prefix := netip.MustParsePrefix
	t := netlab.Topology{Hosts: []netlab.HostSpec{{Name: "router", Forward: true}}}
	for _, m := range []struct {
		name       string
		own4, own6 []string
	}{
		{"web", []string{"10.0.1.10/24", "10.0.1.11/24"}, []string{"2001:db8:1::10/64", "2001:db8:1::11/64"}},
		{"app", []string{"10.0.2.10/24"}, []string{"2001:db8:2::10/64"}},
		{"db", []string{"10.0.3.10/24"}, []string{"2001:db8:3::10/64"}},
		{"client", []string{"198.51.100.10/24"}, []string{"2001:db8:c::10/64"}},
	} {
		own := netlab.End{Host: m.name, Dev: "eth0"}
		for _, a := range append(m.own4, m.own6...) {
			own.Addrs = append(own.Addrs, prefix(a))
		}
		var gateways []netip.Addr
		far := netlab.End{Host: "router", Dev: m.name}
		for _, p := range []netip.Prefix{prefix(m.own4[0]), prefix(m.own6[0])} {
			gateway := beside(p.Addr(), 0x01)
			gateways = append(gateways, gateway)
			far.Addrs = append(far.Addrs, netip.PrefixFrom(gateway, p.Bits()))
		}
		t.Hosts = append(t.Hosts, netlab.HostSpec{Name: m.name, Routes: netlab.DefaultRoutes(gateways...)})
		t.Links = append(t.Links, netlab.LinkSpec{A: own, B: far})
	}
	return t
}

// TestThreeTiers runs examples/three-tier on three machines, each with its own
// file: a packet is judged twice, leaving its sender and entering its receiver
// (D7), and a group in a rule stands for the addresses of its members (R27, R31).
func TestThreeTiers(t *testing.T) {
	parity.Proves(t, "D7", "R30", "W10")
	t.Parallel()
	lab := labtest.New(t, tiers())
	web, app, db, client := lab.Host("web"), lab.Host("app"), lab.Host("db"), lab.Host("client")
	enforce(t, web, example(t, "three-tier/web.yaml"))
	appDaemon := enforce(t, app, example(t, "three-tier/app.yaml"))
	enforce(t, db, example(t, "three-tier/db.yaml"))

	address := func(h *netlab.Host, family int) netip.Addr {
		if family == 4 {
			return h.Device("eth0").IPv4()
		}
		return h.Device("eth0").IPv6()
	}
	var attempts, secondWeb []attempt
	for _, family := range []int{4, 6} {
		for _, h := range []*netlab.Host{web, app, db, client} {
			echoes(t, h, address(h, family), 443, 5432, 8080)
		}
		tcp := func(what string, from, to *netlab.Host, p int, pass bool) {
			attempts = append(attempts, exchange(t, what, from, "tcp", address(from, family), port(address(to, family), p), pass))
		}
		tcp("client to web", client, web, 443, true)
		tcp("client to web, another port", client, web, 8080, false)
		tcp("client to app", client, app, 8080, false)
		tcp("client to db", client, db, 5432, false)
		tcp("web to app", web, app, 8080, true)
		tcp("web to app, another port", web, app, 5432, false)
		tcp("web to db", web, db, 5432, false)
		tcp("web to the outside", web, client, 443, false)
		tcp("app to db", app, db, 5432, true)
		tcp("app to db, another port", app, db, 8080, false)
		tcp("app to another app's port on web", app, web, 8080, false)
		tcp("app to the outside", app, client, 443, false)
		tcp("app to the pages of web, which egress of app does not name", app, web, 443, false)
		tcp("db to app", db, app, 8080, false)
		tcp("db to web", db, web, 443, false)
		tcp("db to the outside", db, client, 5432, false)
		attempts = append(attempts,
			ping(t, "client to web", client, address(client, family), address(web, family), false),
			ping(t, "app to db", app, address(app, family), address(db, family), false),
			exchange(t, "app to db", app, "udp", address(app, family), port(address(db, family), 5432), false))

		second := beside(address(web, family), 0x11)
		secondWeb = append(secondWeb, exchange(t, "web's second address to app", web, "tcp", second, port(address(app, family), 8080), true))
		attempts = append(attempts, exchange(t, "web's second address to app", web, "tcp", second, port(address(app, family), 8080), false))
	}
	run(t, attempts)

	// An address that is added to the peer is a member from the answer of the
	// reload on (R44).
	before := example(t, "three-tier/app.yaml")
	after := strings.Replace(before, `[10.0.1.10, "2001:db8:1::10"]`, `[10.0.1.10, "2001:db8:1::10", 10.0.1.11, "2001:db8:1::11"]`, 1)
	if after == before {
		t.Fatal("the example names its web machine differently now")
	}
	appDaemon.reload(after)
	run(t, secondWeb)
}
