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

// TestEgressNothing: with `egress: []` the machine begins nothing (D3), and yet
// answers what its ingress rules let in (T1, T4; expected outcomes 8 and 14).
func TestEgressNothing(t *testing.T) {
	parity.Proves(t, "D3", "D4", "T1", "row 8", "row 14")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
version: 1
security_groups:
  - name: answers
    description: Answers, and never asks
    ingress:
      - { protocol: tcp, ports: 8080, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 9000, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: icmp, from_port: 8, to_port: -1, cidr_blocks: [0.0.0.0/0] }
      - { protocol: icmpv6, from_port: 128, to_port: -1, ipv6_cidr_blocks: ["::/0"] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [answers] }
`+harness.OneQueue)
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, c, s netip.Addr) {
			harness.Echoes(t, server, s, 8080, 8081, 9000)
			harness.Echoes(t, client, c, 443, 8080, 9000)
			harness.Run(t, []harness.Attempt{
				harness.Passes(harness.Exchange(t, "a reply over TCP", client, "tcp", c,
					harness.AddrPort(s, 8080))),
				harness.Passes(harness.Exchange(t, "a reply over UDP", client, "udp", c,
					harness.AddrPort(s, 9000))),
				harness.Passes(harness.Ping(t, "an echo reply", client, c, s)),
				harness.Drops(harness.Exchange(t, "no rule", client, "tcp", c, harness.AddrPort(s, 8081))),
				harness.Drops(harness.Exchange(t, "the right number of the wrong protocol", client, "udp", c,
					harness.AddrPort(s, 8080))),
				harness.Drops(harness.Exchange(t, "the right number of the wrong protocol", client, "tcp", c,
					harness.AddrPort(s, 9000))),
				harness.Drops(harness.Exchange(t, "of its own", server, "tcp", s, harness.AddrPort(c, 443))),
				harness.Drops(harness.Exchange(t, "of its own, to a port that ingress names", server, "tcp", s,
					harness.AddrPort(c, 8080))),
				harness.Drops(harness.Exchange(t, "of its own", server, "udp", s, harness.AddrPort(c, 9000))),
				harness.Drops(harness.Ping(t, "of its own", server, s, c)),
			})
			// A datagram of the server's own, from the port that answers, too.
			service, asker := harness.NewInbox(t, server, harness.AddrPort(s, 9001)),
				harness.NewInbox(t, client, harness.AddrPort(c, 9100))
			harness.Volley(t, []harness.Shot{
				harness.Drops(harness.Datagram(t, "a question to a closed port", asker, service,
					harness.AddrPort(s, 9001))),
				harness.Drops(harness.Datagram(t, "an answer to nothing", service, asker,
					harness.AddrPort(c, 9100))),
				harness.Passes(harness.Raw(t, "a ping", client.Device("eth0"),
					harness.NewRawInbox(t, server, harness.IcmpOf(s), s),
					func(b []byte) []byte { return wire.Echo(c, s, 1, 1, b) })),
			})
		})
}
