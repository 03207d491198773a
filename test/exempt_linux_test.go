package test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// service is what can be exempt.
type service struct {
	name      string
	networks  []string
	port      int
	addresses []string
}

// The name servers are the tests' own, see nameServers.
var services = []service{
	{"resolvers", []string{"udp", "tcp"}, 53, []string{"198.51.100.53", "2001:db8:53::53"}},
	{"metadata", []string{"tcp"}, 80, []string{"169.254.169.254", "169.254.170.2", "fd00:ec2::254"}},
	{"time", []string{"udp"}, 123, []string{"169.254.169.123", "fd00:ec2::123"}},
}

// serviced is a pair whose client has the addresses of all services, and
// 198.51.100.54 and 2001:db8:53::54, which no file names at first.
func serviced() netlab.Topology {
	t := netlab.Pair()
	client, server := &t.Links[0].A, &t.Hosts[1]
	far := families4and6(client.Addrs)
	for _, a := range append(addressesOf(services...), ip("198.51.100.54"), ip("2001:db8:53::54")) {
		p := netip.PrefixFrom(a, a.BitLen())
		client.Addrs = append(client.Addrs, p)
		server.Routes = append(server.Routes, netlab.Route{Dst: p, Via: far[a.Is6()]})
	}
	return t
}

// families4and6 are the first addresses by whether they are IPv6.
func families4and6(list []netip.Prefix) map[bool]netip.Addr {
	out := make(map[bool]netip.Addr)
	for _, p := range list {
		if _, ok := out[p.Addr().Is6()]; !ok {
			out[p.Addr().Is6()] = p.Addr()
		}
	}
	return out
}

func addressesOf(list ...service) (out []netip.Addr) {
	for _, s := range list {
		for _, a := range s.addresses {
			out = append(out, ip(a))
		}
	}
	return out
}

// nameServers has a daemon that is not started find an /etc of its own, and
// returns what writes its resolv.conf.
func nameServers(t testing.TB, d *daemon) (write func(servers ...string)) {
	t.Helper()
	dir := t.TempDir()
	d.through = filepath.Join(dir, "through")
	script := fmt.Sprintf("#!/bin/sh\nexec unshare --mount --propagation private sh -c 'mount --bind %s/etc /etc && exec \"$@\"' sh \"$@\"\n", dir)
	if err := os.WriteFile(d.through, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	etc := filepath.Join(dir, "etc")
	if err := os.Mkdir(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	return func(servers ...string) {
		t.Helper()
		var text strings.Builder
		for _, s := range servers {
			fmt.Fprintf(&text, "nameserver %s\n", s)
		}
		next := filepath.Join(etc, "resolv.conf.new")
		if err := os.WriteFile(next, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(etc, "resolv.conf")); err != nil {
			t.Fatal(err)
		}
	}
}

// exemption is what status says of one.
type exemption struct {
	Name, Kind, State, In, Out string
	Addresses                  []string
	Packets                    *uint64
}

// exemptions lists those of status by name.
func (d *daemon) exemptions() map[string]exemption {
	d.t.Helper()
	var status struct{ Exemptions []exemption }
	d.document(&status, "status")
	out := make(map[string]exemption)
	for _, x := range status.Exemptions {
		out[x.Name] = x
	}
	return out
}

// exempting is a policy that allows one port in and exempts services.
func exempting(names ...string) string {
	return policyWith([]string{allow("udp", gateIn)}, nil, "queues: { count: 1 }", "exempt: ["+strings.Join(names, ", ")+"]")
}

// TestExempt: without any rule the machine asks the services that the policy
// exempts, and is answered; not at another port or address, nor by another
// protocol. What merely comes from there does not arrive. Of all that no flow is
// kept (X2).
func TestExempt(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, serviced())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	for _, s := range services {
		for _, a := range append(addressesOf(s), families(client)...) {
			for p := s.port; p <= s.port+1; p++ {
				echoOn(t, client.Host(), port(a, p))
			}
		}
	}
	d := prepare(t, server.Host(), exempting())
	nameServers(t, d)(services[0].addresses...)
	d.start()
	claims := map[string][]string{
		"resolvers": {"exempt dns"}, "metadata": {"exempt metadata", "exempt ecs metadata"}, "time": {"exempt time"},
	}
	for _, on := range []string{"", "resolvers", "metadata", "time"} {
		t.Run("exempt "+on, func(t *testing.T) {
			parity.Proves(t, append([]string{"X2"}, claims[on]...)...)
			if on != "" {
				d.reload(exempting(on))
			}
			var attempts []attempt
			for _, s := range services {
				for _, a := range append(addressesOf(s), families(client)...) {
					for p := s.port; p <= s.port+1; p++ {
						for _, network := range []string{"udp", "tcp"} {
							attempts = append(attempts, exchange(t, "the machine", server.Host(), network, netip.Addr{}, port(a, p),
								s.name == on && p == s.port && contains(s.addresses, a.String()) && contains(s.networks, network)))
						}
					}
				}
			}
			run(t, attempts)
			for _, s := range services {
				unasked(t, client, server, s)
				if s.name == on && contains(s.networks, "udp") {
					answered(t, client, server, s)
				}
			}
			for _, f := range d.flows() {
				if at(f.Remote).Port() < 1000 {
					t.Errorf("exempt exchanges are not tracked, but %+v is", f)
				}
			}
			if out, _ := d.sgfw("log"); strings.Contains(out, "accept") || !strings.Contains(out, "no-rule") {
				t.Errorf("the last drops are\n%s", out)
			}
			exemptions := d.exemptions()
			for _, s := range services {
				want := "off"
				if s.name == on {
					want = "on"
				}
				if x := exemptions[s.name]; x.State != want || x.Packets == nil || s.name == on && *x.Packets == 0 {
					t.Errorf("status has %s %+v", s.name, x)
				}
			}
			for _, s := range services {
				out, _ := d.sgfw("explain", "--egress", "-p", s.networks[0], "--to", port(ip(s.addresses[0]), s.port).String())
				if strings.Contains(out, "exempt: "+s.name) != (s.name == on) {
					t.Errorf("explained as\n%s", out)
				}
			}
		})
	}
}

func contains(list []string, s string) bool {
	return strings.Contains(" "+strings.Join(list, " ")+" ", " "+s+" ")
}

// unasked sends what comes from a service without a question: it is for the rules.
func unasked(t *testing.T, client, server *netlab.Device, s service) {
	t.Helper()
	var shots []shot
	for i, own := range families(server) {
		udp, tcp := newRawInbox(t, server.Host(), wire.ProtoUDP, own), newRawInbox(t, server.Host(), wire.ProtoTCP, own)
		for _, a := range addressesOf(s) {
			if a.Is6() != own.Is6() {
				continue
			}
			for _, p := range []int{s.port, 22, 2222} {
				from, to := port(a, s.port), port(own, p)
				shots = append(shots,
					raw(t, fmt.Sprintf("UDP of %s to %s", from, to), client, udp, func(content []byte) []byte { return wire.UDP(from, to, content) }, false),
					raw(t, fmt.Sprintf("SYN of %s to %s", from, to), client, tcp, func(content []byte) []byte { return wire.TCP(from, to, wire.SYN, 1, 0, content) }, false),
					raw(t, fmt.Sprintf("segment of %s to %s", from, to), client, tcp, func(content []byte) []byte { return wire.TCP(from, to, wire.ACK, 1, 1, content) }, false))
			}
		}
		from, to := port(families(client)[i], 4000), port(own, gateIn)
		shots = append(shots, raw(t, "what a rule admits", client, udp, func(content []byte) []byte { return wire.UDP(from, to, content) }, true))
	}
	volley(t, shots)
}

// answered asks by UDP and compares the answer with what only looks like it.
func answered(t *testing.T, client, server *netlab.Device, s service) {
	t.Helper()
	for _, a := range addressesOf(s) {
		own := server.IPv4()
		if a.Is6() {
			own = server.IPv6()
		}
		p := freshPort()
		left := labtest.Capture(t, client.Host(), client.Name(), netlab.CaptureOptions{})
		asker := newInbox(t, server.Host(), port(own, p))
		question := asker.send(t, port(a, s.port))
		if !onTheWire(left)(question, patience) {
			t.Errorf("the question to %s did not leave", a)
			continue
		}
		at := newRawInbox(t, server.Host(), wire.ProtoUDP, own)
		from := func(what string, from netip.AddrPort, to int, pass bool) shot {
			return raw(t, what, client, at, func(content []byte) []byte { return wire.UDP(from, port(own, to), content) }, pass)
		}
		volley(t, []shot{
			from("an answer to another port", port(a, s.port), p+1, false),
			from("an answer from another port", port(a, s.port+1), p, false),
			from("an answer of another address", port(besideOf(client, a), s.port), p, false),
			from("the answer", port(a, s.port), p, true),
		})
	}
}

// besideOf is the client's own address of the same family.
func besideOf(client *netlab.Device, a netip.Addr) netip.Addr {
	if a.Is6() {
		return client.IPv6()
	}
	return client.IPv4()
}

// TestCloudInstance runs examples/cloud-instance.yaml: HTTPS out and SSH in by
// rules, and the services of the cloud.
func TestCloudInstance(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "exempt dns", "exempt metadata", "exempt ecs metadata", "exempt time")
	topology := serviced()
	office := netip.MustParsePrefix("198.51.100.7/32")
	topology.Links[0].A.Addrs = append(topology.Links[0].A.Addrs, office)
	topology.Hosts[1].Routes = append(topology.Hosts[1].Routes, netlab.Route{Dst: office, Via: ip("192.0.2.1")})
	lab := labtest.New(t, topology)
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := prepare(t, server.Host(), example(t, "cloud-instance.yaml"))
	nameServers(t, d)(services[0].addresses...)
	d.start()
	var attempts []attempt
	for _, s := range services {
		for _, a := range addressesOf(s) {
			echoOn(t, client.Host(), port(a, s.port))
			attempts = append(attempts, exchange(t, s.name, server.Host(), s.networks[0], netip.Addr{}, port(a, s.port), true))
		}
	}
	for i, a := range families(client) {
		echoOn(t, client.Host(), port(a, 443), port(a, 80), port(a, 53))
		echoOn(t, server.Host(), port(families(server)[i], 22))
		attempts = append(attempts,
			exchange(t, "out", server.Host(), "tcp", netip.Addr{}, port(a, 443), true),
			exchange(t, "out", server.Host(), "tcp", netip.Addr{}, port(a, 80), false),
			exchange(t, "out", server.Host(), "udp", netip.Addr{}, port(a, 53), false),
			exchange(t, "in, from anywhere", client.Host(), "tcp", a, port(families(server)[i], 22), false))
	}
	attempts = append(attempts, exchange(t, "in, from the office", client.Host(), "tcp", office.Addr(), port(server.IPv4(), 22), true))
	run(t, attempts)
}

// TestResolversAreFollowed: the name servers are those of resolv.conf now.
func TestResolversAreFollowed(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X2")
	lab := labtest.New(t, serviced())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	old, next := services[0].addresses, []string{"198.51.100.54", "2001:db8:53::54"}
	for _, a := range append(append([]string{}, old...), next...) {
		echoOn(t, client.Host(), port(ip(a), 53))
	}
	d := prepare(t, server.Host(), exempting("resolvers"))
	write := nameServers(t, d)
	d.start() // there is no file yet
	asks := func(a string, wait time.Duration) bool {
		return exchanges(t, server.Host(), "udp", netip.AddrPort{}, port(ip(a), 53), wait)
	}
	expect := func(when string, pass, not []string) {
		t.Helper()
		var attempts []attempt
		for _, a := range pass {
			deadline := time.Now().Add(patience)
			for !asks(a, silence) && time.Now().Before(deadline) {
			}
			attempts = append(attempts, attempt{when + ": " + a, func(w time.Duration) bool { return asks(a, w) }, true})
		}
		for _, a := range not {
			attempts = append(attempts, attempt{when + ": " + a, func(w time.Duration) bool { return asks(a, w) }, false})
		}
		run(t, attempts)
	}
	expect("no file", nil, append(append([]string{}, old...), next...))
	write(old...)
	expect("written", old, next)
	write(next...)
	expect("replaced", next, old)
	if got := d.exemptions()["resolvers"].Addresses; strings.Join(got, " ") != strings.Join(next, " ") {
		t.Errorf("status has the addresses %v", got)
	}
	write("127.0.0.53", old[1])
	expect("one, and the machine itself", old[1:], append([]string{old[0]}, next...))
}

// TestExemptWithAFullTable: a table without room stops what rules admit, and not
// what is exempt, which takes none (T30).
func TestExemptWithAFullTable(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, serviced())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	clock := port(ip("169.254.169.123"), 123)
	echoOn(t, client.Host(), clock, port(client.IPv4(), gateOut))
	echoOn(t, server.Host(), port(server.IPv4(), gateEcho))
	enforce(t, server.Host(), policyWith([]string{allow("tcp", gateEcho)}, []string{allow("udp", gateOut)}, "max_flows: 16", "exempt: [time]"))
	asks := func(to netip.AddrPort) func(time.Duration) bool {
		return func(w time.Duration) bool { return exchanges(t, server.Host(), "udp", netip.AddrPort{}, to, w) }
	}
	run(t, []attempt{{"a rule's service, room", asks(port(client.IPv4(), gateOut)), true}, {"the time, room", asks(clock), true}})
	full := false
	for range 200 {
		c := dialTCP(t, client.Host(), netip.AddrPort{}, port(server.IPv4(), gateEcho), 2*silence)
		if c == nil {
			full = true
			break
		}
		defer func(c net.Conn) { c.Close() }(c)
		if !talks(c) {
			t.Fatal("a connection does not talk")
		}
	}
	if !full {
		t.Fatal("the table took 200 connections")
	}
	run(t, []attempt{{"the time, no room", asks(clock), true}, {"a rule's service, no room", asks(port(client.IPv4(), gateOut)), false}})
}

// TestExemptIsNotForwarded: what a host forwards is not its own question (X6).
func TestExemptIsNotForwarded(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X6")
	lab := labtest.New(t, netlab.Router())
	fw, client, server := lab.Host("fw"), lab.Host("client"), lab.Host("server")
	d := prepare(t, fw, policyOn("eth1", nil, []string{allow("udp", gateOut)}, "exempt: [resolvers]"))
	names := families(server.Device("eth0"))
	nameServers(t, d)(names[0].String(), names[1].String())
	d.start()
	var attempts []attempt
	for _, a := range names {
		echoOn(t, server, port(a, 53), port(a, gateOut))
		attempts = append(attempts,
			exchange(t, "the router asks", fw, "udp", netip.Addr{}, port(a, 53), true),
			exchange(t, "a machine behind it asks", client, "udp", netip.Addr{}, port(a, 53), false),
			exchange(t, "a machine behind it, by a rule", client, "udp", netip.Addr{}, port(a, gateOut), true))
	}
	run(t, attempts)
}

// TestExemptGuest: a guest's questions are its own wherever they go, but for those
// to a metadata service that is not this machine's own.
func TestExemptGuest(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X6")
	topology := household()
	// fw has one metadata address; behind it, outside has the others.
	route := func(host int, dst, via string) {
		topology.Hosts[host].Routes = append(topology.Hosts[host].Routes, netlab.Route{Dst: netip.MustParsePrefix(dst), Via: ip(via)})
	}
	outside := &topology.Links[2]
	outside.A.Addrs = append(outside.A.Addrs, netip.MustParsePrefix("169.254.170.2/32"), netip.MustParsePrefix("fd00:ec2::254/128"), netip.MustParsePrefix("169.254.169.123/32"))
	outside.B.Addrs = append(outside.B.Addrs, netip.MustParsePrefix("169.254.169.254/32"))
	route(0, "169.254.170.2/32", "203.0.113.10")
	route(0, "169.254.169.123/32", "203.0.113.10")
	route(0, "fd00:ec2::254/128", "2001:db8:3::10")
	lab := labtest.New(t, topology)
	fw, app, out := lab.Host("fw"), lab.Host("app"), lab.Host("outside")
	policy := asGuest(policyOn("veth-app", nil, []string{allow("udp", gateOut)}, "exempt: [resolvers, metadata, time]"), families(app.Device("eth0"))...)
	d := prepare(t, fw, policy)
	names := families(out.Device("eth0"))
	nameServers(t, d)(names[0].String(), names[1].String())
	d.start()
	var attempts []attempt
	asks := func(what, network string, at *netlab.Host, to netip.AddrPort, pass bool) {
		from := app.Device("eth0").IPv4()
		if to.Addr().Is6() {
			from = app.Device("eth0").IPv6()
		}
		echoOn(t, at, to)
		attempts = append(attempts, exchange(t, what, app, network, from, to, pass))
	}
	for _, a := range names {
		asks("a name server outside", "udp", out, port(a, 53), true)
		asks("a name server outside", "udp", out, port(a, 54), false)
		asks("a service outside", "udp", out, port(a, gateOut), true)
	}
	asks("time outside", "udp", out, at("169.254.169.123:123"), true)
	asks("metadata of this machine", "tcp", fw, at("169.254.169.254:80"), true)
	asks("metadata outside", "tcp", out, at("169.254.170.2:80"), false)
	asks("metadata outside", "tcp", out, at("[fd00:ec2::254]:80"), false)
	run(t, attempts)
}
