package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestPortEdges: a range has both its ends and nothing beside them, over TCP
// and UDP, in and out.
func TestPortEdges(t *testing.T) {
	parity.Proves(t, "W6")
	t.Parallel()
	parity.Proves(t, "R6", "ports given")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
version: 1
security_groups:
  - name: edges
    description: The ends of port ranges
    ingress:
      - { protocol: tcp, ports: 8000-9000, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 8000-9000, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: tcp, from_port: 65535, to_port: 65535, cidr_blocks: [0.0.0.0/0],
            ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, from_port: 0, to_port: 1, cidr_blocks: [0.0.0.0/0],
            ipv6_cidr_blocks: ["::/0"] }
    egress:
      - { protocol: tcp, ports: 7000-7001, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 7000-7001, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
interfaces:
  - { device: eth0, security_groups: [edges] }
`)
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, c, s netip.Addr) {
			var attempts []harness.Attempt
			for _, e := range []struct {
				port     int
				tcp, udp bool
			}{
				{1, false, true}, {2, false, false},
				{7999, false, false}, {8000, true, true}, {8500, true, true}, {9000, true, true},
				{9001, false, false},
				{65534, false, false}, {65535, true, false},
			} {
				harness.Echoes(t, server, s, e.port)
				attempts = append(attempts,
					harness.Expect(harness.PassIf(e.tcp),
						harness.Exchange(t, "in", client, "tcp", c, harness.AddrPort(s, e.port))),
					harness.Expect(harness.PassIf(e.udp),
						harness.Exchange(t, "in", client, "udp", c, harness.AddrPort(s, e.port))))
			}
			for p, pass := range map[int]bool{
				6999: false, 7000: true, 7001: true, 7002: false, 8000: false,
			} {
				harness.Echoes(t, client, c, p)
				attempts = append(attempts,
					harness.Expect(harness.PassIf(pass),
						harness.Exchange(t, "out", server, "tcp", s, harness.AddrPort(c, p))),
					harness.Expect(harness.PassIf(pass),
						harness.Exchange(t, "out", server, "udp", s, harness.AddrPort(c, p))))
			}
			harness.Run(t, attempts)
		})
}
