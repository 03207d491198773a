package test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// Protocol numbers that package wire does not name (IANA, Protocol Numbers).
const (
	protoUDPLite      = 136
	protoExperimental = 253 // RFC 3692: no kernel knows it
)

// carrier is a shot of a packet of any protocol with the content as its payload.
func carrier(t *testing.T, what string, from *netlab.Device, at *rawInbox, src, dst netip.Addr, protocol uint8, pass bool) shot {
	return raw(t, what, from, at, func(content []byte) []byte { return wire.Proto(src, dst, protocol, content) }, pass)
}

// imitation is a shot whose payload looks like the header of UDP, or of any
// protocol with ports in the same place.
func imitation(t *testing.T, what string, from *netlab.Device, at *rawInbox, src, dst netip.Addr, protocol uint8, srcPort, dstPort uint16, pass bool) shot {
	return raw(t, what, from, at, func(content []byte) []byte {
		var b []byte
		b = binary.BigEndian.AppendUint16(b, srcPort)
		b = binary.BigEndian.AppendUint16(b, dstPort)
		b = binary.BigEndian.AppendUint16(b, uint16(8+len(content)))
		b = binary.BigEndian.AppendUint16(b, 0) // no checksum
		return wire.Proto(src, dst, protocol, append(b, content...))
	}, pass)
}

// TestProtocolByNumber: a number admits the whole of that protocol and nothing
// else; ports given with it mean nothing (§1.2, R13,
// row 6). A rule of UDP admits nothing that merely has, or seems
// to have, ports (R13).
func TestProtocolByNumber(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R13", "protocol number")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
version: 1
security_groups:
  - name: numbers
    description: Protocols without a name
    ingress:
      - { protocol: 47, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: 132, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 5000, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: tcp, ports: 5000, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [numbers] }
`+oneQueue)
	dev := client.Device("eth0")
	both(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		in := make(map[uint8]*rawInbox)
		for _, p := range []uint8{wire.ProtoIGMP, wire.ProtoGRE, wire.ProtoESP, wire.ProtoSCTP, protoUDPLite, protoExperimental} {
			in[p] = newRawInbox(t, server, p, s)
		}
		to5000, from := newInbox(t, server, port(s, 5000)), newInbox(t, client, port(c, 5001))
		to5001 := newInbox(t, server, port(s, 5001))
		volley(t, []shot{
			carrier(t, "ESP", dev, in[wire.ProtoESP], c, s, wire.ProtoESP, false),
			carrier(t, "IGMP", dev, in[wire.ProtoIGMP], c, s, wire.ProtoIGMP, false),
			carrier(t, "an unknown protocol", dev, in[protoExperimental], c, s, protoExperimental, false),
			imitation(t, "UDP-Lite to the port of UDP", dev, in[protoUDPLite], c, s, protoUDPLite, 5001, 5000, false),
			imitation(t, "ESP that looks like UDP", dev, in[wire.ProtoESP], c, s, wire.ProtoESP, 5001, 5000, false),
			datagram(t, "UDP to another port", from, to5001, port(s, 5001), false),
			carrier(t, "GRE", dev, in[wire.ProtoGRE], c, s, wire.ProtoGRE, true),
			imitation(t, "SCTP to any port", dev, in[wire.ProtoSCTP], c, s, wire.ProtoSCTP, 9, 9, true),
			datagram(t, "UDP", from, to5000, port(s, 5000), true),
		})
	})
}

// TestPortsThatMeanNothing: ports given with -1 or with a protocol that has none are
// dropped, and the rule is for the whole (§1.2).
func TestPortsThatMeanNothing(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
version: 1
security_groups:
  - name: ported
    description: Ports where there are none
    ingress:
      - { protocol: -1, from_port: 80, to_port: 80, cidr_blocks: [192.0.2.11/32], ipv6_cidr_blocks: ["2001:db8::11/128"] }
      - { protocol: 50, from_port: 1, to_port: 2, cidr_blocks: [192.0.2.0/28], ipv6_cidr_blocks: ["2001:db8::/124"] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [ported] }
`+oneQueue)
	dev := client.Device("eth0")
	both(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		friend := beside(c, 0x11)
		echoes(t, server, s, 80, 81, 82)
		esp, gre := newRawInbox(t, server, wire.ProtoESP, s), newRawInbox(t, server, wire.ProtoGRE, s)
		udp, stranger := newInbox(t, server, port(s, 83)), newInbox(t, client, port(c, 0))
		t.Run("row 5", func(t *testing.T) {
			parity.Proves(t, "row 5", "protocol all")
			run(t, []attempt{
				exchange(t, "the port of the rule", client, "tcp", friend, port(s, 80), true),
				exchange(t, "another port", client, "tcp", friend, port(s, 81), true),
				exchange(t, "another protocol", client, "udp", friend, port(s, 82), true),
				ping(t, "no ports", client, friend, s, true),
				exchange(t, "the port of the rule, from another", client, "tcp", c, port(s, 80), false),
				ping(t, "from another", client, c, s, false),
			})
		})
		t.Run("row 6", func(t *testing.T) {
			parity.Proves(t, "row 6", "protocol number")
			volley(t, []shot{
				carrier(t, "GRE", dev, gre, c, s, wire.ProtoGRE, false),
				datagram(t, "UDP", stranger, udp, port(s, 83), false),
				carrier(t, "ESP from another", dev, esp, beside(c, 0x21), s, wire.ProtoESP, false),
				imitation(t, "ESP with the ports of the rule", dev, esp, c, s, wire.ProtoESP, 1, 2, true),
				imitation(t, "ESP with others", dev, esp, c, s, wire.ProtoESP, 9, 9, true),
				carrier(t, "ESP", dev, esp, c, s, wire.ProtoESP, true),
			})
		})
	})
}

// TestEveryProtocol: -1 admits protocols that nobody has named (R15), and a rule
// of UDP no GRE packet whose payload imitates its ports (R13).
func TestEveryProtocol(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R15", "protocol all")
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
version: 1
security_groups:
  - name: all
    description: Everything from one host, one port of UDP from the others
    ingress:
      - { protocol: -1, cidr_blocks: [192.0.2.11/32], ipv6_cidr_blocks: ["2001:db8::11/128"] }
      - { protocol: udp, ports: 5000, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [all] }
`+oneQueue)
	dev := client.Device("eth0")
	both(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		friend := beside(c, 0x11)
		udp := newInbox(t, server, port(s, 5000))
		shots := []shot{datagram(t, "UDP from anyone", newInbox(t, client, port(c, 0)), udp, port(s, 5000), true)}
		for name, p := range map[string]uint8{
			"IGMP": wire.ProtoIGMP, "GRE": wire.ProtoGRE, "ESP": wire.ProtoESP, "SCTP": wire.ProtoSCTP,
			"UDP-Lite": protoUDPLite, "protocol 253": protoExperimental,
		} {
			in := newRawInbox(t, server, p, s)
			shots = append(shots,
				carrier(t, name+" from the friend", dev, in, friend, s, p, true),
				carrier(t, name+" from another", dev, in, c, s, p, false),
				imitation(t, name+" that looks like UDP", dev, in, c, s, p, 5000, 5000, false))
		}
		volley(t, shots)
		echoes(t, server, s, 80)
		run(t, []attempt{
			exchange(t, "the friend", client, "tcp", friend, port(s, 80), true),
			ping(t, "the friend", client, friend, s, true),
			exchange(t, "another", client, "tcp", c, port(s, 80), false),
			ping(t, "another", client, c, s, false),
		})
	})
}

// TestOutboundGREOpensInbound: a protocol without ports is followed by its
// address pair and number alone: what we sent to a host may come back from it,
// and only from it (T10).
func TestOutboundGREOpensInbound(t *testing.T) {
	parity.Proves(t, "T10")
	t.Parallel()
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
version: 1
security_groups:
  - name: tunnels
    description: Begins tunnels
    ingress:
      - { protocol: 47, cidr_blocks: [192.0.2.21/32], ipv6_cidr_blocks: ["2001:db8::21/128"] }
    egress:
      - { protocol: 47, cidr_blocks: [192.0.2.0/28], ipv6_cidr_blocks: ["2001:db8::/124"] }
interfaces:
  - { device: eth0, security_groups: [tunnels] }
`+oneQueue)
	dev := client.Device("eth0")
	both(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		gre, esp := newRawInbox(t, server, wire.ProtoGRE, s), newRawInbox(t, server, wire.ProtoESP, s)
		behind := carrier(t, "GRE that a rule admits", dev, gre, beside(c, 0x21), s, wire.ProtoGRE, true)
		volley(t, []shot{carrier(t, "GRE before ours", dev, gre, c, s, wire.ProtoGRE, false), behind})

		far, refused := newRawInbox(t, client, wire.ProtoGRE, c), newRawInbox(t, client, wire.ProtoESP, c)
		out := func(what string, via, at *rawInbox, protocol uint8, to netip.Addr, pass bool) shot {
			return shot{what, func() []byte {
				content := nonce()
				via.write(t, wire.Proto(s, to, protocol, content), to)
				return content
			}, at.receives, pass}
		}
		volley(t, []shot{
			out("ESP of our own, which egress does not name", esp, refused, wire.ProtoESP, c, false),
			out("GRE of our own", gre, far, wire.ProtoGRE, c, true),
		})
		volley(t, []shot{
			carrier(t, "GRE from another host", dev, gre, beside(c, 0x11), s, wire.ProtoGRE, false),
			carrier(t, "ESP from that host", dev, esp, c, s, wire.ProtoESP, false),
			carrier(t, "GRE in return", dev, gre, c, s, wire.ProtoGRE, true),
			raw(t, "GRE in return with another key", dev, gre, func(b []byte) []byte {
				// RFC 2890: K bit, protocol IPv4, a key.
				return wire.Proto(c, s, wire.ProtoGRE, append([]byte{0x20, 0, 8, 0, 1, 2, 3, 4}, b...))
			}, true),
		})
	})
}
