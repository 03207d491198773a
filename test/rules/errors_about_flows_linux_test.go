package rules

import (
	"bytes"
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// aboutFlow is an ICMP error that arrives at a host with live flows.
type aboutFlow struct {
	what   string
	packet []byte
	pass   bool
}

// flowsOf are the endpoints of the live flows that the errors quote: the host
// admitted a TCP session and opened a UDP stream and a ping.
type flowsOf struct {
	host, second netip.Addr // addresses of the protected host
	peer, router netip.Addr // the other end, and whoever reports
	tcp, tcpPeer netip.AddrPort
	udp, udpPeer netip.AddrPort
	ping         uint16
}

// errors about packets that the host sent, or is said to have sent. Each quotes a
// packet that holds the marker.
func (f flowsOf) errors(marker []byte) []aboutFlow {
	tcp := wire.TCP(f.tcp, f.tcpPeer, wire.ACK|wire.PSH, 1, 2, marker)
	udp := wire.UDP(f.udp, f.udpPeer, marker)
	ping := wire.Echo(f.host, f.peer, f.ping, 1, marker)
	port1 := func(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }
	v4 := f.host.Is4()
	kind := func(type4, type6 uint8) uint8 {
		if v4 {
			return type4
		}
		return type6
	}
	unreachable := kind(wire.ICMPUnreachable, wire.ICMPv6Unreachable)
	exceeded := kind(wire.ICMPTimeExceeded, wire.ICMPv6TimeExceeded)
	parameter := kind(wire.ICMPParameter, wire.ICMPv6Parameter)
	redirect := kind(wire.ICMPRedirect, wire.ICMPv6Redirect)
	about := func(quote []byte) []byte { return wire.TooBig(f.router, 1400, quote) }
	to := func(dst netip.Addr, quote []byte) []byte {
		return wire.Error(f.router, dst, unreachable, 1, 0, quote)
	}
	// Something of the other family with the same ports.
	alien := wire.UDP(harness.ParseAddrPort("[2001:db8::2]:7000"),
		harness.ParseAddrPort("[2001:db8::1]:7001"), marker)
	if !v4 {
		alien = wire.UDP(harness.ParseAddrPort("192.0.2.2:7000"), harness.ParseAddrPort("192.0.2.1:7001"),
			marker)
	}
	// With the marker in front of the ports; the UDP header ends it.
	inFront := wire.IPOptions(append([]byte{0x9e, byte(2 + len(marker))}, marker...)...)
	if !v4 {
		inFront = wire.DestinationOptions(append([]byte{0x1e, byte(len(marker))}, marker...)...)
	}
	marked := wire.UDP(f.udp, f.udpPeer, nil, inFront)
	pieces := wire.Assemble(udp, 7, wire.Cut(udp, 0, 8), wire.Cut(udp, 8, -1))
	return []aboutFlow{
		{"too big, TCP", about(tcp), true},
		{"too big, UDP", about(udp), true},
		{"too big, ping", about(ping), true},
		{"unreachable, TCP", to(f.host, tcp), true},
		{"unreachable, UDP, from the peer itself", wire.Error(f.peer, f.host, unreachable, 1, 0, udp),
			true},
		{"time exceeded, UDP", wire.Error(f.router, f.host, exceeded, 0, 0, udp), true},
		{"parameter problem, UDP", wire.Error(f.router, f.host, parameter, 0, 0, udp), true},

		{"an unknown local port, TCP", about(wire.TCP(port1(f.tcp), f.tcpPeer, wire.ACK, 1, 2, marker)),
			false},
		{"an unknown remote port, TCP", about(wire.TCP(f.tcp, port1(f.tcpPeer), wire.ACK, 1, 2, marker)),
			false},
		{"an unknown remote port, UDP", about(wire.UDP(f.udp, port1(f.udpPeer), marker)), false},
		{"an unknown peer", about(wire.UDP(f.udp, netip.AddrPortFrom(f.router, f.udpPeer.Port()),
			marker)), false},
		{"UDP with the ports of TCP", about(wire.UDP(f.tcp, f.tcpPeer, marker)), false},
		{"a ping with another identifier", about(wire.Echo(f.host, f.peer, f.ping+1, 1, marker)), false},
		{"a reply to a ping that nobody sent", about(wire.EchoReply(f.host, f.peer, f.ping, 1, marker)),
			false},
		{"a packet that the host received", to(f.host, wire.UDP(f.udpPeer, f.udp, marker)), false},
		{"to another address of the host than the quoted source", to(f.second, udp), false},
		{"about another address of the host",
			about(wire.UDP(netip.AddrPortFrom(f.second, f.udp.Port()), f.udpPeer, marker)), false},
		{"redirect", wire.Error(f.router, f.host, redirect, 1, 0, udp), false},
		{"source quench or an unassigned error", wire.Error(f.router, f.host, kind(4, 5), 0, 0, udp),
			false},
		{"about an error", about(wire.Error(f.host, f.peer, unreachable, 3, 0, udp)), false},
		{"about a later fragment", about(pieces[1]), false},
		{"about a packet of the other family", wire.ICMP(f.router, f.host, unreachable, 1, 0, alien),
			false},
		{"about GRE between the same addresses",
			about(wire.Proto(f.host, f.peer, wire.ProtoGRE, udp[len(udp)-8-len(marker):])), false},
		{"a quote without the remote port",
			wire.ICMP(f.router, f.host, unreachable, 1, 0, marked[:len(marked)-6]), false},
		{"a quote with options", wire.ICMP(f.router, f.host, unreachable, 1, 0, marked), true},
	}
}

// TestErrorsAboutFlows: an ICMP error passes if it quotes a packet that the
// receiver sent in a live flow, and else never (T24; CVE-2019-5598 for the
// destination). There is no rule at all any more when they arrive.
func TestErrorsAboutFlows(t *testing.T) {
	parity.Proves(t, "T24")
	t.Parallel()
	topology := harness.TwoHosts()
	second := []netip.Prefix{netip.MustParsePrefix("192.0.2.22/24"),
		netip.MustParsePrefix("2001:db8::22/64")}
	topology.Links[0].B.Addrs = append(topology.Links[0].B.Addrs, second...)
	lab := labtest.New(t, topology)
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	opened := harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)},
		append(harness.AllowPing(), harness.Allow("udp", harness.Outward)), harness.InOrder)
	d := harness.Enforce(t, server.Host(), opened)

	harness.BothFamilies(t, server, client, func(t *testing.T, host, peer netip.Addr) {
		d.Reload(opened)
		f := flowsOf{host: host, peer: peer, second: second[0].Addr(), router: harness.IP("192.0.2.99"),
			ping: 0x4711,
			tcp:  harness.AddrPort(host, harness.Inward), tcpPeer: harness.AddrPort(peer, 41000),
			udp: harness.AddrPort(host, 41001), udpPeer: harness.AddrPort(peer, harness.Outward)}
		protocol := uint8(wire.ProtoICMP)
		if host.Is6() {
			f.second, f.router, protocol = second[1].Addr(), harness.IP("2001:db8::99"), wire.ProtoICMPv6
		}
		harness.EchoOn(t, server.Host(), f.tcp)
		harness.EchoOn(t, client.Host(), f.udpPeer)
		session := harness.DialTCP(t, client.Host(), f.tcpPeer, f.tcp, harness.ArrivalTimeout)
		if session == nil || !harness.Talks(session) {
			t.Fatal("no TCP session")
		}
		defer session.Close()
		stream, err := server.Host().Dial(labtest.Within(t, harness.ArrivalTimeout), "udp", f.udpPeer,
			netlab.From(f.udp))
		if err != nil || !harness.Talks(stream) || !harness.Talks(stream) {
			t.Fatal("no UDP stream:", err)
		}
		defer stream.Close()
		if !harness.PingsWith(t, server.Host(), &netlab.Ping{From: host, To: peer, ID: f.ping},
			harness.ArrivalTimeout) {
			t.Fatal("no reply")
		}
		d.Reload(harness.Closed)

		sees := harness.NewTap(t, server.Host(), protocol, netip.IPv4Unspecified())
		if host.Is6() {
			sees = harness.NewTap(t, server.Host(), protocol, netip.IPv6Unspecified())
		}
		// Everything with a marker of its own, and the first, which passes, again
		// behind it all.
		n := len(f.errors(harness.Nonce()))
		markers := make([][]byte, n+1)
		for i := range markers {
			markers[i] = harness.Nonce()
			if err := client.Send(f.errors(markers[i])[i%n].packet); err != nil {
				t.Fatal(err)
			}
		}
		passed := sees.Until("the last error",
			func(b []byte) bool { return bytes.Contains(b, markers[n]) })
		for i, e := range f.errors(harness.Nonce()) {
			if got := harness.Count(passed,
				func(b []byte) bool { return bytes.Contains(b, markers[i]) }) > 0; got != e.pass {
				t.Errorf("%s: passed: %t, want %t", e.what, got, e.pass)
			}
		}
		if !harness.Talks(session) {
			t.Error("the TCP session died of errors")
		}
	})
}
