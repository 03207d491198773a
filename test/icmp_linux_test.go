package test

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// icmpOf is the number of ICMP in the family of an address.
func icmpOf(a netip.Addr) uint8 {
	if a.Is4() {
		return wire.ProtoICMP
	}
	return wire.ProtoICMPv6
}

// message is a shot of one ICMP message with the content as its body.
func message(t *testing.T, what string, from *netlab.Device, at *rawInbox, src, dst netip.Addr, kind, code uint8, pass bool) shot {
	return raw(t, what, from, at, func(content []byte) []byte {
		return wire.ICMP(src, dst, kind, code, 0x00070001, content)
	}, pass)
}

// failure is a shot of an ICMP error about a UDP datagram that nobody sent, so
// that no flow covers it (T24) and the rules decide.
func failure(t *testing.T, what string, from *netlab.Device, at *rawInbox, src, dst netip.Addr, kind, code uint8, pass bool) shot {
	return raw(t, what, from, at, func(content []byte) []byte {
		return wire.Error(src, dst, kind, code, 1400, wire.UDP(port(dst, 5005), port(src, 6006), content))
	}, pass)
}

// TestICMPTypes: a rule of ICMP means its type, and its code unless that is -1
// (§1.2).
func TestICMPTypes(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "icmp given", "icmp any code")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
version: 1
security_groups:
  - name: some
    description: Some of ICMP
    ingress:
      - { protocol: icmp, from_port: 8, to_port: -1, cidr_blocks: [0.0.0.0/0] }
      - { protocol: icmp, from_port: 3, to_port: 4, cidr_blocks: [0.0.0.0/0] }
      - { protocol: icmpv6, from_port: 128, to_port: -1, ipv6_cidr_blocks: ["::/0"] }
      - { protocol: icmpv6, from_port: 1, to_port: 3, ipv6_cidr_blocks: ["::/0"] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [some] }
`+oneQueue)
	dev := client.Device("eth0")
	c, s := dev.IPv4(), server.Device("eth0").IPv4()
	in := newRawInbox(t, server, wire.ProtoICMP, s)
	volley(t, []shot{
		message(t, "timestamp request", dev, in, c, s, 13, 0, false),
		message(t, "information request", dev, in, c, s, 15, 0, false),
		message(t, "redirect", dev, in, c, s, wire.ICMPRedirect, 1, false),
		failure(t, "host unreachable", dev, in, c, s, wire.ICMPUnreachable, 1, false),
		failure(t, "port unreachable", dev, in, c, s, wire.ICMPUnreachable, 3, false),
		failure(t, "time exceeded", dev, in, c, s, wire.ICMPTimeExceeded, 0, false),
		failure(t, "parameter problem", dev, in, c, s, wire.ICMPParameter, 0, false),
		failure(t, "the code as type", dev, in, c, s, 4, 3, false),
		message(t, "code 8 of type 0", dev, in, c, s, 0, 8, false),
		failure(t, "fragmentation needed", dev, in, c, s, wire.ICMPUnreachable, 4, true),
		message(t, "echo", dev, in, c, s, wire.ICMPEcho, 0, true),
		message(t, "echo of an odd code", dev, in, c, s, wire.ICMPEcho, 5, true),
	})
	c, s = dev.IPv6(), server.Device("eth0").IPv6()
	in = newRawInbox(t, server, wire.ProtoICMPv6, s)
	volley(t, []shot{
		failure(t, "no route", dev, in, c, s, wire.ICMPv6Unreachable, 0, false),
		failure(t, "port unreachable", dev, in, c, s, wire.ICMPv6Unreachable, 4, false),
		failure(t, "packet too big", dev, in, c, s, wire.ICMPv6PacketTooBig, 0, false),
		failure(t, "time exceeded", dev, in, c, s, wire.ICMPv6TimeExceeded, 0, false),
		failure(t, "parameter problem", dev, in, c, s, wire.ICMPv6Parameter, 1, false),
		message(t, "node information query", dev, in, c, s, 139, 0, false),
		message(t, "the number of an IPv4 echo", dev, in, c, s, wire.ICMPEcho, 0, false),
		failure(t, "address unreachable", dev, in, c, s, wire.ICMPv6Unreachable, 3, true),
		message(t, "echo", dev, in, c, s, wire.ICMPv6Echo, 0, true),
		message(t, "echo of an odd code", dev, in, c, s, wire.ICMPv6Echo, 5, true),
	})
	// And the whole of it: the replies leave although egress has no rule (T4).
	run(t, []attempt{
		ping(t, "in", client, dev.IPv4(), server.Device("eth0").IPv4(), true),
		ping(t, "in", client, c, s, true),
		ping(t, "out", server, s, c, false),
	})
}

// TestICMPOfTheOtherFamily: `icmp` with an IPv6 CIDR stays ICMP of IPv4 and so
// admits nothing, likewise `icmpv6` with an IPv4 CIDR (R12, expected outcome 9).
func TestICMPOfTheOtherFamily(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R12", "row 9")
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
version: 1
security_groups:
  - name: crossed
    description: Each ICMP with the other family
    ingress:
      - { protocol: icmp, from_port: -1, to_port: -1, ipv6_cidr_blocks: ["::/0"] }
      - { protocol: icmp, from_port: 8, to_port: -1, ipv6_cidr_blocks: ["::/0"] }
      - { protocol: icmp, from_port: 128, to_port: 0, ipv6_cidr_blocks: ["::/0"] }
      - { protocol: icmpv6, from_port: -1, to_port: -1, cidr_blocks: [0.0.0.0/0] }
      - { protocol: icmpv6, from_port: 8, to_port: 0, cidr_blocks: [0.0.0.0/0] }
      - { protocol: icmp, from_port: -1, to_port: -1, cidr_blocks: [192.0.2.21/32] }
      - { protocol: icmpv6, from_port: -1, to_port: -1, ipv6_cidr_blocks: ["2001:db8::21/128"] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [crossed] }
`+oneQueue)
	dev := client.Device("eth0")
	both(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		own := beside(c, 0x21)
		run(t, []attempt{
			ping(t, "the right family", client, own, s, true),
			ping(t, "the wrong family", client, c, s, false),
		})
		in := newRawInbox(t, server, icmpOf(s), s)
		kind, unreachable := uint8(wire.ICMPEcho), uint8(wire.ICMPUnreachable)
		foreign, foreignKind := uint8(wire.ProtoICMPv6), byte(wire.ICMPv6Echo)
		if c.Is6() {
			kind, unreachable = wire.ICMPv6Echo, wire.ICMPv6Unreachable
			foreign, foreignKind = wire.ProtoICMP, wire.ICMPEcho
		}
		strange := newRawInbox(t, server, foreign, s)
		volley(t, []shot{
			message(t, "echo", dev, in, c, s, kind, 0, false),
			failure(t, "destination unreachable", dev, in, c, s, unreachable, 0, false),
			// The number of the other family's ICMP in a packet of this one is
			// what such a rule names word by word: it stays out all the same.
			raw(t, "the other family's echo", dev, strange, func(b []byte) []byte {
				return wire.Proto(c, s, foreign, append([]byte{foreignKind, 0, 0, 0, 0, 7, 0, 1}, b...))
			}, false),
			message(t, "echo from the admitted", dev, in, own, s, kind, 0, true),
		})
	})
}

// TestEchoReplies: a reply passes without a rule if it answers our echo, from
// the host that was asked and with its identifier; no other does (T9).
func TestEchoReplies(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	// The test answers in the client's place.
	if err := client.SetSysctl("net.ipv4.icmp_echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	if err := client.SetSysctl("net.ipv6.icmp.echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	enforce(t, server, `
version: 1
security_groups:
  - name: asks
    description: Pings others
    ingress:
      - { protocol: icmp, from_port: 13, to_port: 0, cidr_blocks: [192.0.2.21/32] }
      - { protocol: icmpv6, from_port: 139, to_port: 0, ipv6_cidr_blocks: ["2001:db8::21/128"] }
    egress:
      - { protocol: icmp, from_port: 8, to_port: 0, cidr_blocks: [0.0.0.0/0] }
      - { protocol: icmpv6, from_port: 128, to_port: 0, ipv6_cidr_blocks: ["::/0"] }
interfaces:
  - { device: eth0, security_groups: [asks] }
`+oneQueue)
	dev := client.Device("eth0")
	both(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		const id = uint16(0x1234)
		other, third := beside(c, 0x11), beside(c, 0x12)
		in, asked := newRawInbox(t, server, icmpOf(s), s), newRawInbox(t, client, icmpOf(c), c)
		reply := func(what string, from netip.Addr, id uint16, pass bool) shot {
			return raw(t, what, dev, in, func(b []byte) []byte { return wire.EchoReply(from, s, id, 1, b) }, pass)
		}
		kind := uint8(13)
		if c.Is6() {
			kind = 139
		}
		behind := message(t, "what a rule admits", dev, in, beside(c, 0x21), s, kind, 0, true)
		volley(t, []shot{reply("a reply before the request", c, id, false), behind})

		ask := func(to netip.Addr, at *rawInbox) {
			t.Helper()
			request := nonce()
			in.write(t, wire.Echo(s, to, id, 1, request), to)
			if !at.receives(request, patience) {
				t.Fatalf("the request to %s did not leave", to)
			}
		}
		ask(c, asked)
		volley(t, []shot{
			reply("a reply with another identifier", c, id+1, false),
			reply("a reply with the identifier turned round", c, 0x3412, false),
			reply("a reply from another host", other, id, false),
			raw(t, "a request with the identifier", dev, in, func(b []byte) []byte { return wire.Echo(c, s, id, 1, b) }, false),
			reply("the reply", c, id, true),
		})

		// Another host with the same identifier is another flow.
		ask(other, newRawInbox(t, client, icmpOf(c), other))
		volley(t, []shot{
			reply("a reply from a host that was not asked", third, id, false),
			reply("the reply from the one", c, id, true),
			reply("the reply from the other", other, id, true),
		})
	})
}

// TestEqualIdentifiers: two clients that ping with one identifier both get
// their own reply (T9).
func TestEqualIdentifiers(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
version: 1
security_groups:
  - name: answers
    description: Answers pings of some
    ingress:
      - { protocol: icmp, from_port: 8, to_port: 0, cidr_blocks: [192.0.2.1/32, 192.0.2.11/32] }
      - { protocol: icmpv6, from_port: 128, to_port: 0, ipv6_cidr_blocks: ["2001:db8::1/128", "2001:db8::11/128"] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [answers] }
`)
	both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		const id = 77
		answered := func(from netip.Addr, seq uint16, wait time.Duration) bool {
			return asks(t, client, &netlab.Ping{From: from, To: s, ID: id, Seq: seq, Payload: nonce()}, wait)
		}
		for seq := range uint16(3) {
			for _, from := range []netip.Addr{c, beside(c, 0x11)} {
				if !answered(from, seq, patience) {
					t.Fatalf("ping %d from %s was not answered", seq, from)
				}
			}
		}
		if answered(beside(c, 0x12), 0, silence) {
			t.Error("a ping from the host that no rule names was answered")
		}
	})
}
