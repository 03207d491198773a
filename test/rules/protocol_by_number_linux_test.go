package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestProtocolByNumber: a number admits the whole of that protocol and nothing
// else; ports given with it mean nothing (§1.2, R13,
// row 6). A rule of UDP admits nothing that merely has, or seems
// to have, ports (R13).
func TestProtocolByNumber(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R13", "protocol number")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
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
`+harness.OneQueue)
	dev := client.Device("eth0")
	harness.BothFamilies(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		in := make(map[uint8]*harness.RawInbox)
		for _, p := range []uint8{wire.ProtoIGMP, wire.ProtoGRE, wire.ProtoESP, wire.ProtoSCTP,
			protoUDPLite, protoExperimental} {
			in[p] = harness.NewRawInbox(t, server, p, s)
		}
		to5000, from := harness.NewInbox(t, server, harness.AddrPort(s, 5000)),
			harness.NewInbox(t, client, harness.AddrPort(c, 5001))
		to5001 := harness.NewInbox(t, server, harness.AddrPort(s, 5001))
		harness.Volley(t, []harness.Shot{
			harness.Drops(carrier(t, "ESP", dev, in[wire.ProtoESP], c, s, wire.ProtoESP)),
			harness.Drops(carrier(t, "IGMP", dev, in[wire.ProtoIGMP], c, s, wire.ProtoIGMP)),
			harness.Drops(carrier(t, "an unknown protocol", dev, in[protoExperimental], c, s,
				protoExperimental)),
			harness.Drops(imitation(t, "UDP-Lite to the port of UDP", dev, in[protoUDPLite], c, s,
				protoUDPLite, 5001, 5000)),
			harness.Drops(imitation(t, "ESP that looks like UDP", dev, in[wire.ProtoESP], c, s,
				wire.ProtoESP, 5001, 5000)),
			harness.Drops(harness.Datagram(t, "UDP to another port", from, to5001,
				harness.AddrPort(s, 5001))),
			harness.Passes(carrier(t, "GRE", dev, in[wire.ProtoGRE], c, s, wire.ProtoGRE)),
			harness.Passes(imitation(t, "SCTP to any port", dev, in[wire.ProtoSCTP], c, s, wire.ProtoSCTP, 9,
				9)),
			harness.Passes(harness.Datagram(t, "UDP", from, to5000, harness.AddrPort(s, 5000))),
		})
	})
}
