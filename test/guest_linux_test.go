package test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// household is a router fw with the guests app and db of
// examples/router-with-guests.yaml behind veth-app and veth-db, and a machine
// outside behind eth0. Each guest has a second address that no policy names,
// and to which the router knows the way.
func household() netlab.Topology {
	prefix := netip.MustParsePrefix
	t := netlab.Topology{Hosts: []netlab.HostSpec{{Name: "fw", Forward: true}}}
	for _, s := range []struct {
		host, dev string
		own       []string
		gw4, gw6  string
	}{
		{"app", "veth-app", []string{"10.0.1.10/24", "2001:db8:1::10/64", "10.0.1.99/24", "2001:db8:1::99/64"}, "10.0.1.1/24", "2001:db8:1::1/64"},
		{"db", "veth-db", []string{"10.0.2.10/24", "2001:db8:2::10/64", "10.0.2.99/24", "2001:db8:2::99/64"}, "10.0.2.1/24", "2001:db8:2::1/64"},
		{"outside", "eth0", []string{"203.0.113.10/24", "2001:db8:3::10/64"}, "203.0.113.1/24", "2001:db8:3::1/64"},
	} {
		var own []netip.Prefix
		for _, a := range s.own {
			own = append(own, prefix(a))
		}
		gw := []netip.Prefix{prefix(s.gw4), prefix(s.gw6)}
		t.Hosts = append(t.Hosts, netlab.HostSpec{Name: s.host, Routes: netlab.DefaultRoutes(gw[0].Addr(), gw[1].Addr())})
		t.Links = append(t.Links, netlab.LinkSpec{
			A: netlab.End{Host: s.host, Dev: "eth0", Addrs: own},
			B: netlab.End{Host: "fw", Dev: s.dev, Addrs: gw},
		})
	}
	return t
}

// home is a household that runs.
type home struct {
	fw, app, db, outside *netlab.Host
	// Addresses, IPv4 first; fwApp and fwDB are the router's on the guests' links.
	appIPs, dbIPs, outsideIPs, fwApp, fwDB []netip.Addr
}

func newHome(t testing.TB) home {
	t.Helper()
	lab := labtest.New(t, household())
	h := home{fw: lab.Host("fw"), app: lab.Host("app"), db: lab.Host("db"), outside: lab.Host("outside")}
	h.appIPs, h.dbIPs, h.outsideIPs = families(h.app.Device("eth0")), families(h.db.Device("eth0")), families(h.outside.Device("eth0"))
	h.fwApp, h.fwDB = families(h.fw.Device("veth-app")), families(h.fw.Device("veth-db"))
	return h
}

// asGuest turns a policy of policyWith or gateOn, of one interface, into one for
// the guest behind the device, with its addresses if any are given.
func asGuest(policy string, addresses ...netip.Addr) string {
	keys := "\n    mode: guest"
	if len(addresses) > 0 {
		var list []string
		for _, a := range addresses {
			list = append(list, `"`+a.String()+`"`)
		}
		keys += "\n    addresses: [" + strings.Join(list, ", ") + "]"
	}
	return strings.ReplaceAll(policy, "\n    security_groups: [state]", keys+"\n    security_groups: [state]")
}

// TestRouterWithGuests runs examples/router-with-guests.yaml: groups that refer to
// each other, each guest judged for itself, between guests, with the router and
// with the world outside (D7, R27, X6).
func TestRouterWithGuests(t *testing.T) {
	parity.Proves(t, "D7", "X6")
	t.Parallel()
	h := newHome(t)
	d := enforce(t, h.fw, example(t, "router-with-guests.yaml"))
	var attempts []attempt
	for i := range 2 {
		app, db, out, fwApp, fwDB := h.appIPs[i], h.dbIPs[i], h.outsideIPs[i], h.fwApp[i], h.fwDB[i]
		echoes(t, h.app, app, 22, 443, 8080)
		echoes(t, h.db, db, 22, 443, 5432)
		echoes(t, h.outside, out, 25, 53, 443)
		echoes(t, h.fw, fwApp, 22, 53)
		echoes(t, h.fw, fwDB, 53)
		try := func(what string, from *netlab.Host, network string, src, dst netip.Addr, p int, pass bool) {
			attempts = append(attempts, exchange(t, what, from, network, src, port(dst, p), pass))
		}
		try("the application asks its database", h.app, "tcp", app, db, 5432, true)
		try("over UDP, which no rule names", h.app, "udp", app, db, 5432, false)
		try("SSH from guest to guest", h.app, "tcp", app, db, 22, false)
		try("a port that the sender may reach and the receiver does not offer", h.app, "tcp", app, db, 443, false)
		try("the database asks the application", h.db, "tcp", db, app, 443, false)

		try("a visitor", h.outside, "tcp", out, app, 443, true)
		try("a visitor at a port that no rule names", h.outside, "tcp", out, app, 8080, false)
		try("a visitor asks the database", h.outside, "tcp", out, db, 5432, false)
		try("a visitor logs in", h.outside, "tcp", out, app, 22, false)
		try("the application updates itself", h.app, "tcp", app, out, 443, true)
		try("the application asks for a name", h.app, "udp", app, out, 53, true)
		try("the application sends mail", h.app, "tcp", app, out, 25, false)
		try("the database goes out", h.db, "tcp", db, out, 443, false)

		try("the router logs in", h.fw, "tcp", fwApp, app, 22, true)
		try("the router logs in at the database", h.fw, "tcp", fwDB, db, 22, true)
		try("the router asks the database", h.fw, "tcp", fwDB, db, 5432, false)
		try("the router at a port that no rule names", h.fw, "tcp", fwApp, app, 8080, false)
		try("the application asks the router for a name", h.app, "udp", app, fwApp, 53, true)
		try("the application logs in at the router", h.app, "tcp", app, fwApp, 22, false)
		try("the database asks the router for a name", h.db, "udp", db, fwDB, 53, false)
		attempts = append(attempts,
			ping(t, "guest to guest, which no rule permits", h.app, app, db, false),
			ping(t, "outside to guest, which no rule permits", h.outside, out, app, false))
		// Nothing on eth0 is managed.
		try("a visitor at the router", h.outside, "udp", out, fwApp, 53, true)
	}
	run(t, attempts)

	// What the program says of it is seen from the guests, too.
	var status statusDocument
	d.document(&status, "status")
	if got := fmt.Sprint(status.Interfaces); got != "[{veth-app [{veth-app [10.0.1.10 2001:db8:1::10]}]} {veth-db [{veth-db [10.0.2.10 2001:db8:2::10]}]}]" {
		t.Errorf("status: %s", got)
	}
	for _, c := range []struct{ device, from, to, direction, verdict, code string }{
		{"veth-app", "10.0.1.10", "10.0.2.10:5432", "egress", "accept", ""},
		{"veth-db", "10.0.1.10", "10.0.2.10:5432", "ingress", "accept", ""},
		{"veth-db", "10.0.2.10", "203.0.113.10:443", "egress", "drop", "SG_HAS_NO_RULES"},
		{"veth-app", "203.0.113.10", "10.0.1.10:22", "ingress", "drop", "ENI_SG_RULES_MISMATCH"},
	} {
		var x struct {
			Verdict, Code string
			Query         struct{ Direction string }
		}
		d.document(&x, "explain", "--interface", c.device, "--proto", "tcp", "--from", c.from, "--to", c.to)
		if x.Verdict != c.verdict || x.Code != c.code || x.Query.Direction != c.direction {
			t.Errorf("explain %s to %s at %s: %+v", c.from, c.to, c.device, x)
		}
	}
	var spoofed struct{ Verdict, Code string }
	d.document(&spoofed, "explain", "--interface", "veth-db", "--egress", "--proto", "tcp", "--from", "10.0.1.10", "--to", "203.0.113.10:443")
	if spoofed.Verdict != "drop" || spoofed.Code != "ENI_SOURCE_DEST_CHECK_RESTRICTION" {
		t.Errorf("explain of a spoofed source: %+v", spoofed)
	}
	for _, f := range d.flows() {
		if f.Interface != "veth-app" && f.Interface != "veth-db" {
			t.Errorf("a flow of %q", f.Interface)
		}
	}
	d.reload(strings.Replace(example(t, "router-with-guests.yaml"), "addresses: [10.0.1.10,", "addresses: [10.0.1.1,", 1))
	// What the daemon writes comes through a pipe.
	for deadline := time.Now().Add(patience); !strings.Contains(d.log.String(), "10.0.1.1 is this machine's own address on veth-app"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is said of a guest that has the router's address")
		}
	}
}

// TestSpoofedGuest: with rules that permit everything, a guest still sends from
// its own addresses only, and gets what is for them; without the check it does
// as it likes (D9).
func TestSpoofedGuest(t *testing.T) {
	parity.Proves(t, "D9")
	t.Parallel()
	h := newHome(t)
	everything := []string{`{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`}
	checked := asGuest(policyOn("veth-app", everything, everything, "queues: { count: 1 }"), h.appIPs...)
	free := strings.Replace(checked, "\n    mode: guest", "\n    mode: guest\n    source_dest_check: false", 1)
	d := enforce(t, h.fw, checked)
	guest := h.app.Device("eth0")
	for i, out := range h.outsideIPs {
		own, foreign, unnamed := h.appIPs[i], h.dbIPs[i], beside(h.appIPs[i], 0x99)
		at := newRawInbox(t, h.outside, wire.ProtoUDP, out)
		router := newRawInbox(t, h.fw, wire.ProtoUDP, h.fwApp[i])
		inside := newInbox(t, h.app, port(own, 4000))
		second := newInbox(t, h.app, port(unnamed, 4000))
		visitor := newInbox(t, h.outside, port(out, 4000))
		shots := func(pass bool) []shot {
			from := func(what string, src netip.Addr, pass bool) shot {
				sport := freshPort()
				return raw(t, family(out)+", "+what, guest, at, func(b []byte) []byte { return wire.UDP(port(src, sport), port(out, 4001), b) }, pass)
			}
			here := func(what string, src netip.Addr, pass bool) shot {
				sport := freshPort()
				return raw(t, family(out)+", "+what, guest, router, func(b []byte) []byte { return wire.UDP(port(src, sport), port(h.fwApp[i], 4001), b) }, pass)
			}
			return []shot{
				from("its own address", own, true),
				from("its second address, which is not listed", unnamed, pass),
				from("the other guest's", foreign, pass),
				from("an address of nobody", ip([]string{"192.0.2.77", "2001:db8:77::77"}[i]), pass),
				here("its own address, to the router", own, true),
				here("the other guest's, to the router", foreign, pass),
				datagram(t, family(out)+", to its own address", visitor, inside, port(own, 4000), true),
				datagram(t, family(out)+", to an address that is not listed", visitor, second, port(unnamed, 4000), pass),
			}
		}
		d.reload(checked)
		volley(t, shots(false))
		// The flows of what passed are gone with the check, rules or not.
		d.reload(free)
		volley(t, shots(true))
		d.reload(checked)
		volley(t, shots(false))
	}

	var status statusDocument
	d.document(&status, "status")
	told := false
	for _, v := range status.Verdicts {
		told = told || v.Reason == "source-dest-check" && v.Verdict == "drop" && v.Packets >= 20
	}
	if !told {
		t.Errorf("status does not tell of the check: %+v", status.Verdicts)
	}
}

// TestGuestWithoutRules: with groups that permit nothing, the guest still finds
// its router and gets an address from the router's DHCP server; it cannot be
// such a server itself, and the ports of DHCP are no way through the router (X3).
func TestGuestWithoutRules(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	d := enforce(t, h.fw, asGuest(policyOn("veth-app", nil, nil, "queues: { count: 1 }"), h.appIPs...))
	guest, device := h.app.Device("eth0"), h.fw.Device("veth-app")

	// Each finds the other's link-layer address, after both forgot it.
	for _, at := range []struct {
		dev *netlab.Device
		a   netip.Addr
	}{{guest, h.fwApp[1]}, {device, h.appIPs[1]}, {guest, h.fwApp[0]}, {device, h.appIPs[0]}} {
		if !resolve(t, at.dev, at.a) {
			t.Errorf("%s does not find %s", at.dev.Host().Name(), at.a)
		}
	}

	// Its question, from ::, whether the router's address is taken gets there, and
	// so does the answer to everybody (RFC 4862 §5.4).
	for key, value := range map[string]string{"accept_dad": "1", "dad_transmits": "1"} {
		if err := h.app.SetSysctl("net/ipv6/conf/eth0/"+key, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.app.Netlink().AddrAdd(link(t, h.app, "eth0"), &netlink.Addr{
		IPNet: &net.IPNet{IP: h.fwApp[1].AsSlice(), Mask: net.CIDRMask(64, 128)},
	}); err != nil {
		t.Fatal(err)
	}
	if !duplicate(t, h.app, h.fwApp[1]) {
		t.Error("the guest took the router's address: duplicate address detection did not work")
	}
	removeAddr(t, h.app, "eth0", h.fwApp[1].String()+"/64")

	broadcast, zero := ip("255.255.255.255"), netip.IPv4Unspecified()
	gLL, dLL := linkLocal(t, guest).WithZone(""), linkLocal(t, device).WithZone("")
	server4, server6 := newRawInbox(t, h.fw, wire.ProtoUDP, zero), newRawInbox(t, h.fw, wire.ProtoUDP, netip.IPv6Unspecified())
	client := newInbox(t, h.app, port(zero, 68), bound(guest))
	other := newInbox(t, h.app, port(zero, 69), bound(guest))
	dhcp := newInbox(t, h.fw, port(h.fwApp[0], 67))
	beyond := newRawInbox(t, h.outside, wire.ProtoUDP, h.outsideIPs[0])
	visitor := newInbox(t, h.outside, port(h.outsideIPs[0], 67))
	udp := func(what string, at *rawInbox, src, dst netip.AddrPort, pass bool) shot {
		return raw(t, what, guest, at, func(b []byte) []byte { return wire.UDP(src, dst, b) }, pass)
	}
	outside := newRawInbox(t, h.outside, wire.ProtoUDP, h.outsideIPs[0])
	far := newInbox(t, h.outside, port(h.outsideIPs[0], 67))
	barrage(t, "to the router", []shot{
		// Through the router, the ports of DHCP are ports like any others.
		udp("DHCP renewal with a server elsewhere", outside, port(h.appIPs[0], 68), port(h.outsideIPs[0], 67), false),
		datagram(t, "DHCP answer from elsewhere", far, client, port(h.appIPs[0], 68), false),
		udp("DHCP discover", server4, port(zero, 68), port(broadcast, 67), true),
		udp("DHCP renewal", server4, port(h.appIPs[0], 68), port(h.fwApp[0], 67), true),
		udp("DHCP offer of a rogue server", server4, port(h.appIPs[0], 67), port(broadcast, 68), false),
		udp("from 0.0.0.0, another port", server4, port(zero, 68), port(broadcast, 69), false),
		udp("from the ports of DHCP beyond the router", beyond, port(h.appIPs[0], 68), port(h.outsideIPs[0], 67), false),
		datagram(t, "to the ports of DHCP from beyond the router", visitor, client, port(h.appIPs[0], 68), false),
		udp("DHCPv6 solicit", server6, port(gLL, 546), port(dLL, 547), true),
		udp("DHCPv6 answer of a rogue server", server6, port(gLL, 547), port(dLL, 546), false),
		udp("anything else", server4, port(h.appIPs[0], 4000), port(h.fwApp[0], 4001), false),
		udp("anything else over IPv6", server6, port(h.appIPs[1], 4000), port(h.fwApp[1], 4001), false),
		udp("link-local", server6, port(gLL, 4000), port(dLL, 4001), false),
		datagram(t, "DHCP answer of the router", dhcp, client, port(h.appIPs[0], 68), true),
		datagram(t, "from that port to another", dhcp, other, port(h.appIPs[0], 69), false),
	}, false)
	d.reload(asGuest(policyOn("veth-app", nil, []string{allow("udp", 4001)}), h.appIPs...))
	barrage(t, "with a rule", []shot{
		udp("what it permits", server4, port(h.appIPs[0], 4000), port(h.fwApp[0], 4001), true),
		udp("what it permits, beyond the router", beyond, port(h.appIPs[0], 4000), port(h.outsideIPs[0], 4001), true),
		udp("DHCP offer of a rogue server", server4, port(h.appIPs[0], 67), port(broadcast, 68), false),
	}, false)
}

// duplicate reports whether a host's eth0 soon finds its address taken.
func duplicate(t testing.TB, h *netlab.Host, a netip.Addr) bool {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		addrs, err := h.Netlink().AddrList(link(t, h, "eth0"), netlink.FAMILY_V6)
		if err != nil {
			t.Fatal(err)
		}
		for _, has := range addrs {
			if has.IP.Equal(a.AsSlice()) && has.Flags&unix.IFA_F_TENTATIVE == 0 {
				return false
			}
			if has.IP.Equal(a.AsSlice()) && has.Flags&unix.IFA_F_DADFAILED != 0 {
				return true
			}
		}
	}
	return false
}

// TestGuestSession: a live session of a guest outlives its rule, and its device,
// when that comes back; nothing new comes about meanwhile (T15).
func TestGuestSession(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	policy := func(rules ...string) string {
		return asGuest(policyOn("veth-app", rules, rules), h.appIPs...)
	}
	opened := policy(allow("tcp", inward), allow("udp", inward))
	d := enforce(t, h.fw, opened)
	var open []session
	for i, out := range h.outsideIPs {
		app := h.appIPs[i]
		echoes(t, h.outside, out, inward)
		echoes(t, h.app, app, inward)
		echoes(t, h.fw, h.fwApp[i], inward)
		for _, network := range []string{"tcp", "udp"} {
			for _, way := range []struct {
				from *netlab.Host
				by   netip.Addr
				to   netip.AddrPort
			}{{h.app, app, port(out, inward)}, {h.outside, out, port(app, inward)}, {h.app, app, port(h.fwApp[i], inward)}} {
				c, err := way.from.Dial(labtest.Within(t, patience), network, way.to, netlab.From(port(way.by, 0)))
				if err != nil {
					t.Fatalf("%s from %s to %s: %v", network, way.from.Name(), way.to, err)
				}
				t.Cleanup(func() { c.Close() })
				s := sessionOf(network+" from "+way.from.Name()+" to "+way.to.String(), c)
				s.begin(t)
				open = append(open, s)
			}
		}
	}
	fresh := func(pass bool) (attempts []attempt) {
		for i, out := range h.outsideIPs {
			attempts = append(attempts,
				exchange(t, "guest to outside", h.app, "tcp", h.appIPs[i], port(out, inward), pass),
				exchange(t, "outside to guest", h.outside, "tcp", out, port(h.appIPs[i], inward), pass),
				exchange(t, "guest to router", h.app, "udp", h.appIPs[i], port(h.fwApp[i], inward), pass))
		}
		return attempts
	}
	goesOn := func(when string) {
		t.Helper()
		for _, s := range open {
			if !s.alive() {
				t.Errorf("%s: %s: lost", when, s.what)
			}
		}
	}
	d.reload(policy())
	goesOn("without rules")
	run(t, fresh(false))

	// The device goes and comes back as another one of the same name.
	unplug(t, h.fw, "veth-app")
	replug(t, h)
	goesOn("with a new device") // TCP first, which waits for the device to be known
	run(t, fresh(false))
	d.reload(opened)
	run(t, fresh(true))
}

// replug makes the link between router and application anew, as it was.
func replug(t testing.TB, h home) {
	t.Helper()
	if err := h.fw.Netlink().LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "veth-app"}, PeerName: "eth0", PeerNamespace: netlink.NsFd(h.app.NetNS()),
	}); err != nil {
		t.Fatal(err)
	}
	spec := household().Links[0]
	for _, end := range []struct {
		host  *netlab.Host
		dev   string
		addrs []netip.Prefix
	}{{h.fw, "veth-app", spec.B.Addrs}, {h.app, "eth0", spec.A.Addrs}} {
		var list []string
		for _, p := range end.addrs {
			list = append(list, p.String())
		}
		addresses(t, end.host, end.dev, list)
	}
	for _, r := range household().Hosts[1].Routes {
		if err := h.app.Netlink().RouteAdd(&netlink.Route{
			Dst: &net.IPNet{IP: r.Dst.Addr().AsSlice(), Mask: net.CIDRMask(0, r.Dst.Addr().BitLen())}, Gw: r.Via.AsSlice(),
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestModeChanges: reloads that turn a device from host to guest and back, and
// from its name to a pattern, leave no moment in which it is open, and the
// policy of each holds from its answer on.
func TestModeChanges(t *testing.T) {
	t.Parallel()
	client, server, g := newPair(t)
	host := gatePolicy()
	// The same lanes with the other machine as the guest: what the gate calls in
	// is the guest's egress.
	guest := asGuest(policyOn("eth0", []string{allow("udp", gateOut)}, []string{allow("udp", gateIn), allow("udp", gateEcho)}, "queues: { count: 1 }"), families(client)...)
	pattern := strings.Replace(guest, "device: eth0", `device: "eth*"`, 1)
	d := enforce(t, server.Host(), host)
	lift := g.besiege(t)
	for range 3 {
		for i, policy := range []string{guest, pattern, host, pattern, host, guest} {
			d.reload(policy)
			g.expect(t, fmt.Sprint("reload ", i), filtered)
		}
	}
	lift()
}
