package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestEveryProtocol: -1 admits protocols that nobody has named (R15), and a rule
// of UDP no GRE packet whose payload imitates its ports (R13).
func TestEveryProtocol(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R15", "protocol all")
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
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
`+harness.OneQueue)
	dev := client.Device("eth0")
	harness.BothFamilies(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		friend := harness.Neighbouring(c, 0x11)
		udp := harness.NewInbox(t, server, harness.AddrPort(s, 5000))
		shots := []harness.Shot{harness.Passes(
			harness.Datagram(t, "UDP from anyone", harness.NewInbox(t, client, harness.AddrPort(c, 0)), udp,
				harness.AddrPort(s, 5000)))}
		for name, p := range map[string]uint8{
			"IGMP": wire.ProtoIGMP, "GRE": wire.ProtoGRE, "ESP": wire.ProtoESP, "SCTP": wire.ProtoSCTP,
			"UDP-Lite": protoUDPLite, "protocol 253": protoExperimental,
		} {
			in := harness.NewRawInbox(t, server, p, s)
			shots = append(shots,
				harness.Passes(carrier(t, name+" from the friend", dev, in, friend, s, p)),
				harness.Drops(carrier(t, name+" from another", dev, in, c, s, p)),
				harness.Drops(imitation(t, name+" that looks like UDP", dev, in, c, s, p, 5000, 5000)))
		}
		harness.Volley(t, shots)
		harness.Echoes(t, server, s, 80)
		harness.Run(t, []harness.Attempt{
			harness.Passes(harness.Exchange(t, "the friend", client, "tcp", friend,
				harness.AddrPort(s, 80))),
			harness.Passes(harness.Ping(t, "the friend", client, friend, s)),
			harness.Drops(harness.Exchange(t, "another", client, "tcp", c, harness.AddrPort(s, 80))),
			harness.Drops(harness.Ping(t, "another", client, c, s)),
		})
	})
}
