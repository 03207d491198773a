package test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
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
		return netlab.Route{Dst: prefix(dst), Via: ip(hop)}
	}
	return netlab.Topology{
		Hosts: []netlab.HostSpec{
			{Name: "client", Routes: netlab.DefaultRoutes(ip("192.0.2.1"), ip("2001:db8:1::1"))},
			{Name: "r1", Forward: true, Routes: []netlab.Route{via("203.0.113.0/24", "198.51.100.2"), via("2001:db8:3::/64", "2001:db8:2::2")}},
			{Name: "r2", Forward: true, Routes: []netlab.Route{via("192.0.2.0/24", "198.51.100.1"), via("2001:db8:1::/64", "2001:db8:2::1")}},
			{Name: "server", Routes: netlab.DefaultRoutes(ip("203.0.113.1"), ip("2001:db8:3::1"))},
		},
		Links: []netlab.LinkSpec{
			{A: end("client", "eth0", "192.0.2.10/24", "2001:db8:1::10/64"), B: end("r1", "eth0", "192.0.2.1/24", "2001:db8:1::1/64")},
			{A: end("r1", "eth1", "198.51.100.1/24", "2001:db8:2::1/64"), B: end("r2", "eth0", "198.51.100.2/24", "2001:db8:2::2/64"), MTU: 1280},
			{A: end("r2", "eth1", "203.0.113.1/24", "2001:db8:3::1/64"), B: end("server", "eth0", "203.0.113.10/24", "2001:db8:3::10/64")},
		},
	}
}

// TestPathMTU: a transfer through a bottleneck needs the router's error to get
// back to the sender. By default it does, as part of the flow that it is about
// and without a rule for ICMP; with `icmp_errors: rules` only a rule lets it
// (T24, N9, row 26).
func TestPathMTU(t *testing.T) {
	parity.Proves(t, "T24", "row 26")
	const rules = "icmp_errors: rules"
	var (
		in, out     = []string{allow("tcp", inward)}, []string{allow("tcp", inward)}
		fragNeeded  = allowICMP(3, 4, 2, 0)
		unreachable = allowICMP(3, 1, 1, -1)
	)
	for _, c := range []struct {
		what      string
		protected string
		// upload is true if the client sends, otherwise the server does.
		upload bool
		// stalls is the policy under which the transfer gets stuck, and completes
		// the one under which it then goes on.
		stalls, completes string
	}{
		{"sender that opened, by default", "client", true, policyWith(nil, out, rules), policyWith(nil, out)},
		{"sender that opened, by a rule", "client", true, policyWith(unreachable, out, rules), policyWith(fragNeeded, out, rules)},
		{"sender that was called, by default", "server", false, policyWith(in, nil, rules), policyWith(in, nil)},
		{"sender that was called, without rules any more", "server", false, policyWith(in, nil, rules), closed},
		{"router that reports", "r1", true, policyWith(in, nil, rules), policyWith(in, nil)},
		{"guest of the router that reports", "r1", true, asGuest(policyWith(nil, out, rules)), asGuest(policyWith(nil, out), ip("192.0.2.10"), ip("2001:db8:1::10"))},
		{"guest of a router that passes the report on", "r2", false, asGuest(policyOn("eth1", in, nil, rules)), asGuest(policyOn("eth1", in, nil))},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			lab := labtest.New(t, bottleneck())
			client, server := lab.Host("client"), lab.Host("server").Device("eth0")
			d := enforce(t, lab.Host(c.protected), c.stalls)
			for _, a := range families(server) {
				d.reload(c.stalls)
				conns := accepted(t, server.Host(), port(a, inward))
				near := dialTCP(t, client, netip.AddrPort{}, port(a, inward), patience)
				if near == nil {
					t.Fatalf("%s: no session", family(a))
				}
				defer near.Close()
				far := take(t, conns)
				from, to := near, far
				if !c.upload {
					from, to = far, near
				}
				from.SetDeadline(time.Time{})
				bulk := make([]byte, 200_000)
				go from.Write(bulk)
				to.SetReadDeadline(time.Now().Add(silence))
				n, err := io.ReadFull(to, bulk)
				if err == nil {
					t.Errorf("%s: the transfer completed, though no error may reach the sender", family(a))
					continue
				}
				d.reload(c.completes)
				to.SetReadDeadline(time.Now().Add(patience))
				if m, err := io.ReadFull(to, bulk[n:]); err != nil {
					t.Errorf("%s: %d of %d bytes arrived: %v", family(a), n+m, len(bulk), err)
				}
			}
		})
	}
}

// TestICMPExample runs examples/icmp-pmtud.yaml, where rules decide about every
// ICMP message: a large answer finds its way through the bottleneck, and gets
// stuck once the rules about the router's report are gone.
func TestICMPExample(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, bottleneck())
	client, server := lab.Host("client"), lab.Host("server").Device("eth0")
	text := example(t, "icmp-pmtud.yaml")
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "Fragmentation needed,") && !strings.Contains(line, "Packet too big,") {
			lines = append(lines, line)
		}
	}
	without := strings.Join(lines, "")
	d := enforce(t, server.Host(), without)
	for _, a := range families(server) {
		d.reload(without)
		conns := accepted(t, server.Host(), port(a, 443))
		near := dialTCP(t, client, netip.AddrPort{}, port(a, 443), patience)
		if near == nil {
			t.Fatalf("%s: no session", family(a))
		}
		defer near.Close()
		far := take(t, conns)
		bulk := make([]byte, 200_000)
		go far.Write(bulk)
		near.SetReadDeadline(time.Now().Add(silence))
		n, err := io.ReadFull(near, bulk)
		if err == nil {
			t.Errorf("%s: the answer arrived without the rules about packets too big", family(a))
			continue
		}
		d.reload(text)
		near.SetReadDeadline(time.Now().Add(patience))
		if m, err := io.ReadFull(near, bulk[n:]); err != nil {
			t.Errorf("%s: %d of %d bytes arrived: %v", family(a), n+m, len(bulk), err)
		}
		run(t, []attempt{
			ping(t, "as the rules permit", client, netip.Addr{}, a, true),
			exchange(t, "no rule", client, "tcp", netip.Addr{}, port(a, 80), false),
		})
	}
	// A message that no rule names, about nothing.
	in := newRawInbox(t, server.Host(), wire.ProtoICMP, server.IPv4())
	dev, from, to := client.Device("eth0"), client.Device("eth0").IPv4(), server.IPv4()
	volley(t, []shot{
		message(t, "timestamp request", dev, in, from, to, 13, 0, false),
		message(t, "protocol unreachable", dev, in, from, to, 3, 2, false),
		message(t, "echo request", dev, in, from, to, 8, 0, true),
	})
}

// TestPortUnreachable: the error about a datagram of a live flow passes, in to
// the one who asked and out from the one who has no such port (T24). Without the
// relation nobody learns of it.
func TestPortUnreachable(t *testing.T) {
	t.Parallel()
	in, out := []string{allow("udp", inward)}, []string{allow("udp", inward)}
	for _, c := range []struct {
		what      string
		protected string
		related   string
		apart     string
	}{
		{"asked", "client", policyWith(nil, out), policyWith(nil, out, "icmp_errors: rules")},
		{"answered", "server", policyWith(in, nil), policyWith(in, nil, "icmp_errors: rules")},
	} {
		t.Run(c.what, func(t *testing.T) {
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client"), lab.Host("server").Device("eth0")
			d := enforce(t, lab.Host(c.protected), c.related)
			for _, a := range families(server) {
				d.reload(c.related)
				if !refused(t, client, port(a, inward), patience) {
					t.Fatalf("%s: nothing was heard of a port without a listener", family(a))
				}
				if refused(t, client, port(a, outward), silence) {
					t.Errorf("%s: a datagram to a port without a rule was answered", family(a))
				}
				d.reload(c.apart)
				if refused(t, client, port(a, inward), silence) {
					t.Errorf("%s: with icmp_errors: rules an error passed without a rule", family(a))
				}
			}
		})
	}
}

// refused reports whether a datagram to a port brings an error that says so.
func refused(t testing.TB, h *netlab.Host, to netip.AddrPort, wait time.Duration) bool {
	t.Helper()
	c, err := h.Dial(t.Context(), "udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(wait))
	if _, err := c.Write(nonce()); err != nil {
		return false
	}
	_, err = c.Read(make([]byte, 1))
	var timeout net.Error
	if !errors.Is(err, syscall.ECONNREFUSED) && !(errors.As(err, &timeout) && timeout.Timeout()) {
		t.Errorf("%v: %v, want a refusal or a timeout", to, err)
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
