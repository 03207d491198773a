package rules

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
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
		{"web", []string{"10.0.1.10/24", "10.0.1.11/24"},
			[]string{"2001:db8:1::10/64", "2001:db8:1::11/64"}},
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
			gateway := harness.Neighbouring(p.Addr(), 0x01)
			gateways = append(gateways, gateway)
			far.Addrs = append(far.Addrs, netip.PrefixFrom(gateway, p.Bits()))
		}
		t.Hosts = append(t.Hosts, netlab.HostSpec{
			Name: m.name, Routes: netlab.DefaultRoutes(gateways...)})
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
	harness.Enforce(t, web, harness.Example(t, "three-tier/web.yaml"))
	appDaemon := harness.Enforce(t, app, harness.Example(t, "three-tier/app.yaml"))
	harness.Enforce(t, db, harness.Example(t, "three-tier/db.yaml"))

	address := func(h *netlab.Host, family int) netip.Addr {
		if family == 4 {
			return h.Device("eth0").IPv4()
		}
		return h.Device("eth0").IPv6()
	}
	var attempts, secondWeb []harness.Attempt
	for _, family := range []int{4, 6} {
		for _, h := range []*netlab.Host{web, app, db, client} {
			harness.Echoes(t, h, address(h, family), 443, 5432, 8080)
		}
		tcp := func(want harness.Verdict, what string, from, to *netlab.Host, p int) {
			attempts = append(attempts, harness.Expect(want,
				harness.Exchange(t, what, from, "tcp", address(from, family),
					harness.AddrPort(address(to, family), p))))
		}
		tcp(harness.Pass, "client to web", client, web, 443)
		tcp(harness.Drop, "client to web, another port", client, web, 8080)
		tcp(harness.Drop, "client to app", client, app, 8080)
		tcp(harness.Drop, "client to db", client, db, 5432)
		tcp(harness.Pass, "web to app", web, app, 8080)
		tcp(harness.Drop, "web to app, another port", web, app, 5432)
		tcp(harness.Drop, "web to db", web, db, 5432)
		tcp(harness.Drop, "web to the outside", web, client, 443)
		tcp(harness.Pass, "app to db", app, db, 5432)
		tcp(harness.Drop, "app to db, another port", app, db, 8080)
		tcp(harness.Drop, "app to another app's port on web", app, web, 8080)
		tcp(harness.Drop, "app to the outside", app, client, 443)
		tcp(harness.Drop, "app to the pages of web, which egress of app does not name", app, web, 443)
		tcp(harness.Drop, "db to app", db, app, 8080)
		tcp(harness.Drop, "db to web", db, web, 443)
		tcp(harness.Drop, "db to the outside", db, client, 5432)
		attempts = append(attempts,
			harness.Drops(harness.Ping(t, "client to web", client, address(client, family),
				address(web, family))),
			harness.Drops(harness.Ping(t, "app to db", app, address(app, family), address(db, family))),
			harness.Drops(harness.Exchange(t, "app to db", app, "udp", address(app, family),
				harness.AddrPort(address(db, family), 5432))))

		second := harness.Neighbouring(address(web, family), 0x11)
		secondWeb = append(secondWeb, harness.Passes(
			harness.Exchange(t, "web's second address to app", web, "tcp", second,
				harness.AddrPort(address(app, family), 8080))))
		attempts = append(attempts, harness.Drops(
			harness.Exchange(t, "web's second address to app", web, "tcp", second,
				harness.AddrPort(address(app, family), 8080))))
	}
	harness.Run(t, attempts)

	// An address that is added to the peer is a member from the answer of the
	// reload on (R44).
	before := harness.Example(t, "three-tier/app.yaml")
	after := strings.Replace(before, `[10.0.1.10, "2001:db8:1::10"]`,
		`[10.0.1.10, "2001:db8:1::10", 10.0.1.11, "2001:db8:1::11"]`, 1)
	if after == before {
		t.Fatal("the example names its web machine differently now")
	}
	appDaemon.Reload(after)
	harness.Run(t, secondWeb)
}
