package rules

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// seen gives the interfaces of a policy a view.
func seen(view, policy string) string {
	return strings.ReplaceAll(policy, "\n    security_groups: [state]",
		"\n    view: "+view+"\n    security_groups: [state]")
}

// TestViewOfTheWire: a host that rewrites addresses is asked by the port that the client
// sees, and sends under the rules with the address that the world sees. With the local
// view the same packets are judged by the ports inside (X8).
func TestViewOfTheWire(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X8")
	topology := harness.DockerHost()
	for i := range topology.Hosts {
		if topology.Hosts[i].Name == "client" {
			topology.Hosts[i].Routes = []netlab.Route{{Dst: netip.MustParsePrefix("172.17.0.0/16"),
				Via: harness.IP("203.0.113.1")}}
		}
	}
	lab := labtest.New(t, topology)
	fw, shop, client := lab.Host("fw"), lab.Host("shop"), lab.Host("client")
	four, six := harness.IP("172.17.0.2"), harness.IP("2001:db8:17::2")
	world, world6 := harness.IP("203.0.113.10"), harness.IP("2001:db8:d::10")
	fwWorld, fwWorld6 := harness.IP("203.0.113.1"), harness.IP("2001:db8:d::1")
	for _, a := range []netip.Addr{four, six} {
		harness.Publish(t, fw, 80, 8080, a)
		harness.Echoes(t, shop, a, 8080)
	}
	harness.Publish(t, fw, 443, 8443, fwWorld)
	harness.Masquerade(t, fw, "eth0")
	harness.Echoes(t, fw, fwWorld, 8443)
	harness.Echoes(t, client, world, 993, 994)
	try := func(want harness.Verdict, what string, to netip.Addr, port int) harness.Attempt {
		from := world
		if to.Is6() {
			from = world6
		}
		return harness.Expect(want,
			harness.Exchange(t, what, client, "tcp", from, harness.AddrPort(to, port)))
	}
	out := func(want harness.Verdict, what string, port int) harness.Attempt {
		return harness.Expect(want,
			harness.Exchange(t, what, shop, "tcp", four, harness.AddrPort(world, port)))
	}
	policy := func(first, second int) string {
		return harness.PolicyWith(
			[]string{harness.Allow("tcp", first), harness.Allow("tcp", second)},
			// What leaves has the host's own address on the wire, and the container's here.
			[]string{`{ protocol: tcp, ports: 993, cidr_blocks: [203.0.113.10/32] }`})
	}

	d := harness.Enforce(t, fw, seen("wire", policy(80, 443)))
	harness.Run(t, []harness.Attempt{
		try(harness.Pass, "published", fwWorld, 80),
		try(harness.Pass, "published, IPv6", fwWorld6, 80),
		try(harness.Pass, "redirected on the host", fwWorld, 443),
		try(harness.Drop, "the port behind the redirect", fwWorld, 8443),
		try(harness.Drop, "the container's port, past the host's address", four, 8080),
		out(harness.Pass, "the container goes out", 993),
		out(harness.Drop, "the container goes where no rule leads", 994),
		// Between host and container nothing is managed.
		harness.Passes(harness.Exchange(t, "host to container", fw, "tcp", harness.IP("172.17.0.1"),
			harness.AddrPort(four, 8080))),
	})
	d.Reload(seen("wire", policy(8080, 8443)))
	harness.Run(t, []harness.Attempt{
		try(harness.Drop, "published, a rule for the port inside", fwWorld, 80),
		try(harness.Drop, "published, IPv6, a rule for the port inside", fwWorld6, 80),
		try(harness.Drop, "redirected, a rule for the port behind", fwWorld, 443),
		try(harness.Pass, "the port behind, asked for itself", fwWorld, 8443),
		try(harness.Pass, "the container's port, asked for itself", four, 8080),
	})
	d.Reload(seen("local", policy(8080, 8443)))
	harness.Run(t, []harness.Attempt{
		try(harness.Pass, "local view: published", fwWorld, 80),
		try(harness.Pass, "local view: published, IPv6", fwWorld6, 80),
		try(harness.Pass, "local view: redirected", fwWorld, 443),
		out(harness.Pass, "local view: the container goes out", 993),
		out(harness.Drop, "local view: the container goes where no rule leads", 994),
	})
	d.Reload(seen("local", policy(80, 443)))
	harness.Run(t, []harness.Attempt{
		try(harness.Drop, "local view: published, a rule for the published port", fwWorld, 80),
		try(harness.Drop, "local view: redirected, a rule for the first port", fwWorld, 443),
		out(harness.Pass, "local view: the container goes out", 993),
	})
}

// TestViewChangesUnderTraffic: a flow goes on while the view of its device changes, without
// a packet lost, and nothing passes in between that must not.
func TestViewChangesUnderTraffic(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	at := harness.AddrPort(server.Device("eth0").IPv4(), harness.GateIn)
	closed := harness.AddrPort(server.Device("eth0").IPv4(), harness.GateIn+1)
	harness.EchoOn(t, server, at, closed)
	policy := harness.PolicyWith([]string{harness.Allow("tcp", harness.GateIn),
		harness.Allow("udp", harness.GateIn)}, nil)
	d := harness.Enforce(t, server, seen("local", policy))
	beside := harness.StartEchoExchange(t, client, at, time.Millisecond)
	c := harness.DialTCP(t, client, netip.AddrPort{}, at, harness.ArrivalTimeout)
	if c == nil {
		t.Fatal("no connection")
	}
	for i := range 6 {
		if i%2 == 0 {
			d.Reload(seen("wire", policy))
		} else {
			d.Reload(seen("local", policy))
		}
		if !harness.Talks(c) {
			t.Fatalf("change %d of the view cut a flow", i)
		}
		harness.Run(t, []harness.Attempt{
			harness.Passes(harness.Exchange(t, "by a rule", client, "tcp", netip.Addr{}, at)),
			harness.Drops(harness.Exchange(t, "without a rule", client, "tcp", netip.Addr{}, closed)),
		})
	}
	beside.Finish()
}

// TestViewChangesUnderRedirects: a flow whose addresses the host rewrites is another one to
// the other view. It goes on where rules permit its packets there, and ends where they do
// not, while one that nothing rewrites goes on without a rule (T15). The reload says so.
func TestViewChangesUnderRedirects(t *testing.T) {
	parity.Proves(t, "T15")
	t.Parallel()
	lab := labtest.New(t, harness.DockerHost())
	fw, shop, client := lab.Host("fw"), lab.Host("shop"), lab.Host("client")
	container, world, here := harness.IP("172.17.0.2"), harness.IP("203.0.113.10"),
		harness.IP("203.0.113.1")
	harness.Publish(t, fw, 80, 8080, container)
	harness.Publish(t, fw, 443, 8443, here)
	harness.Echoes(t, shop, container, 8080)
	harness.Echoes(t, fw, here, 8443, 993)
	policy := func(view string, ports ...int) string {
		var rules []string
		for _, p := range ports {
			rules = append(rules, harness.Allow("tcp", p))
		}
		return seen(view, harness.PolicyWith(rules, nil))
	}
	d := harness.Enforce(t, fw, policy("local", 8080, 8443, 993))
	live := func(what string, want bool, conns map[string]net.Conn) {
		t.Helper()
		for name, c := range conns {
			if harness.Talks(c) != want {
				t.Errorf("%s: %s goes on: %t", what, name, !want)
			}
		}
	}
	open := func(ports map[string]int) map[string]net.Conn {
		t.Helper()
		conns := make(map[string]net.Conn)
		for name, port := range ports {
			c := harness.DialTCP(t, client, harness.AddrPort(world, 0), harness.AddrPort(here, port),
				harness.ArrivalTimeout)
			if c == nil {
				t.Fatalf("no connection to %s", name)
			}
			conns[name] = c
		}
		return conns
	}
	rewritten := map[string]int{"the container": 80, "the redirect": 443}
	first, direct := open(rewritten), open(map[string]int{"the host": 993})
	live("local", true, first)
	for _, c := range []struct {
		view  string
		ports []int
	}{{"wire", []int{80, 443}}, {"local", nil}, {"wire", nil}, {"local", []int{8080, 8443}}} {
		d.Write(policy(c.view, c.ports...))
		if out := d.Must(t, 0, "reload"); !strings.Contains(out, "eth0 is judged by its other view") {
			t.Errorf("the reload says nothing of the view:\n%s", out)
		}
		// To each view they are flows of their own, which have begun by now.
		live(c.view, true, first)
		live(c.view, true, direct)
	}
	second := open(rewritten)
	d.Reload(policy("wire"))
	live("wire, no rules, flows of the local view", false, second)
	live("wire, no rules, flows of both", true, first)
	live("wire, no rules", true, direct)
	if out := d.Must(t, 0, "reload"); strings.Contains(out, "view") {
		t.Errorf("a reload of the same view speaks of it:\n%s", out)
	}
}

// TestFailsafesOnTheWire: in prerouting nobody knows what will be forwarded, yet the
// ports of DHCP lead to and from this machine alone.
func TestFailsafesOnTheWire(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X6")
	lab := labtest.New(t, netlab.Router())
	fw, client, server := lab.Host("fw"), lab.Host("client"), lab.Host("server")
	near, far := client.Device("eth0").IPv4(), server.Device("eth0").IPv4()
	uplink := fw.Device("eth1").IPv4()
	harness.Enforce(t, fw, seen("wire", harness.PolicyOn("eth1",
		[]string{harness.Allow("udp", harness.GateIn)}, []string{harness.Allow("udp", harness.GateOut)})))
	port := func(h *netlab.Host, a netip.Addr, p int) *harness.Inbox {
		return harness.NewInbox(t, h, harness.AddrPort(a, p))
	}
	ourClient, theirServer := port(fw, uplink, 68), port(server, far, 67)
	behind := port(client, near, 68)
	harness.Volley(t, []harness.Shot{
		harness.Passes(harness.Datagram(t, "a DHCP answer to this machine", theirServer, ourClient,
			harness.AddrPort(uplink, 68))),
		harness.Passes(harness.Datagram(t, "a DHCP question of this machine", ourClient, theirServer,
			harness.AddrPort(far, 67))),
		harness.Drops(harness.Datagram(t, "a DHCP answer that is forwarded", theirServer, behind,
			harness.AddrPort(near, 68))),
		harness.Drops(harness.Datagram(t, "a DHCP question that is forwarded", behind, theirServer,
			harness.AddrPort(far, 67))),
		harness.Passes(harness.Datagram(t, "by a rule, forwarded in", port(server, far, 0),
			port(client, near, harness.GateIn), harness.AddrPort(near, harness.GateIn))),
		harness.Passes(harness.Datagram(t, "by a rule, forwarded out", port(client, near, 0),
			port(server, far, harness.GateOut), harness.AddrPort(far, harness.GateOut))),
	})
}

// TestRedirectedDHCPOnTheWire: a DHCP message for an address of this machine that is
// redirected to another one is for the rules.
func TestRedirectedDHCPOnTheWire(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Router())
	fw, client, server := lab.Host("fw"), lab.Host("client"), lab.Host("server")
	near, far := client.Device("eth0").IPv4(), server.Device("eth0").IPv4()
	uplink := fw.Device("eth1").IPv4()
	for _, p := range []uint16{68, harness.GateIn, harness.GateOut} {
		harness.PublishUDP(t, fw, p, p, near)
	}
	harness.Enforce(t, fw, seen("wire",
		harness.PolicyOn("eth1", []string{harness.Allow("udp", harness.GateIn)}, nil)))
	port := func(h *netlab.Host, a netip.Addr, p int) *harness.Inbox {
		return harness.NewInbox(t, h, harness.AddrPort(a, p))
	}
	harness.Volley(t, []harness.Shot{
		harness.Drops(harness.Datagram(t, "a DHCP answer", port(server, far, 67),
			port(client, near, 68), harness.AddrPort(uplink, 68))),
		harness.Drops(harness.Datagram(t, "by no rule", port(server, far, 67),
			port(client, near, harness.GateOut), harness.AddrPort(uplink, harness.GateOut))),
		harness.Passes(harness.Datagram(t, "by a rule", port(server, far, 0),
			port(client, near, harness.GateIn), harness.AddrPort(uplink, harness.GateIn))),
	})
}
