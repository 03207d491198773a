package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestICMPOfTheOtherFamily: `icmp` with an IPv6 CIDR stays ICMP of IPv4 and so
// admits nothing, likewise `icmpv6` with an IPv4 CIDR (R12, expected outcome 9).
func TestICMPOfTheOtherFamily(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R12", "row 9")
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
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
`+harness.OneQueue)
	dev := client.Device("eth0")
	harness.BothFamilies(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		own := harness.Neighbouring(c, 0x21)
		harness.Run(t, []harness.Attempt{
			harness.Passes(harness.Ping(t, "the right family", client, own, s)),
			harness.Drops(harness.Ping(t, "the wrong family", client, c, s)),
		})
		in := harness.NewRawInbox(t, server, harness.IcmpOf(s), s)
		kind, unreachable := uint8(wire.ICMPEcho), uint8(wire.ICMPUnreachable)
		foreign, foreignKind := uint8(wire.ProtoICMPv6), byte(wire.ICMPv6Echo)
		if c.Is6() {
			kind, unreachable = wire.ICMPv6Echo, wire.ICMPv6Unreachable
			foreign, foreignKind = wire.ProtoICMP, wire.ICMPEcho
		}
		strange := harness.NewRawInbox(t, server, foreign, s)
		harness.Volley(t, []harness.Shot{
			harness.Drops(message(t, "echo", dev, in, c, s, kind, 0)),
			harness.Drops(failure(t, "destination unreachable", dev, in, c, s, unreachable, 0)),
			// The number of the other family's ICMP in a packet of this one is
			// what such a rule names word by word: it stays out all the same.
			harness.Drops(harness.Raw(t, "the other family's echo", dev, strange, func(b []byte) []byte {
				return wire.Proto(c, s, foreign, append([]byte{foreignKind, 0, 0, 0, 0, 7, 0, 1}, b...))
			})),
			harness.Passes(message(t, "echo from the admitted", dev, in, own, s, kind, 0)),
		})
	})
}
