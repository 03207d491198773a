package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestPortsThatMeanNothing: ports given with -1 or with a protocol that has none are
// dropped, and the rule is for the whole (§1.2).
func TestPortsThatMeanNothing(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
version: 1
security_groups:
  - name: ported
    description: Ports where there are none
    ingress:
      - { protocol: -1, from_port: 80, to_port: 80, cidr_blocks: [192.0.2.11/32],
            ipv6_cidr_blocks: ["2001:db8::11/128"] }
      - { protocol: 50, from_port: 1, to_port: 2, cidr_blocks: [192.0.2.0/28],
            ipv6_cidr_blocks: ["2001:db8::/124"] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [ported] }
`+harness.OneQueue)
	dev := client.Device("eth0")
	harness.BothFamilies(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		friend := harness.Neighbouring(c, 0x11)
		harness.Echoes(t, server, s, 80, 81, 82)
		esp, gre := harness.NewRawInbox(t, server, wire.ProtoESP, s),
			harness.NewRawInbox(t, server, wire.ProtoGRE, s)
		udp, stranger := harness.NewInbox(t, server, harness.AddrPort(s, 83)),
			harness.NewInbox(t, client, harness.AddrPort(c, 0))
		t.Run("row 5", func(t *testing.T) {
			parity.Proves(t, "row 5", "protocol all")
			harness.Run(t, []harness.Attempt{
				harness.Passes(harness.Exchange(t, "the port of the rule", client, "tcp", friend,
					harness.AddrPort(s, 80))),
				harness.Passes(harness.Exchange(t, "another port", client, "tcp", friend,
					harness.AddrPort(s, 81))),
				harness.Passes(harness.Exchange(t, "another protocol", client, "udp", friend,
					harness.AddrPort(s, 82))),
				harness.Passes(harness.Ping(t, "no ports", client, friend, s)),
				harness.Drops(harness.Exchange(t, "the port of the rule, from another", client, "tcp", c,
					harness.AddrPort(s, 80))),
				harness.Drops(harness.Ping(t, "from another", client, c, s)),
			})
		})
		t.Run("row 6", func(t *testing.T) {
			parity.Proves(t, "row 6", "protocol number")
			harness.Volley(t, []harness.Shot{
				harness.Drops(carrier(t, "GRE", dev, gre, c, s, wire.ProtoGRE)),
				harness.Drops(harness.Datagram(t, "UDP", stranger, udp, harness.AddrPort(s, 83))),
				harness.Drops(carrier(t, "ESP from another", dev, esp, harness.Neighbouring(c, 0x21), s,
					wire.ProtoESP)),
				harness.Passes(imitation(t, "ESP with the ports of the rule", dev, esp, c, s, wire.ProtoESP, 1,
					2)),
				harness.Passes(imitation(t, "ESP with others", dev, esp, c, s, wire.ProtoESP, 9, 9)),
				harness.Passes(carrier(t, "ESP", dev, esp, c, s, wire.ProtoESP)),
			})
		})
	})
}
