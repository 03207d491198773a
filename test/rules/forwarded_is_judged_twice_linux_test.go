package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestForwardedIsJudgedTwice: what crosses two managed devices passes only if
// the groups of both allow it, ingress where it enters and egress where it
// leaves (D7, X6); a device without groups says nothing.
func TestForwardedIsJudgedTwice(t *testing.T) {
	parity.Proves(t, "D7", "X6")
	t.Parallel()
	lab := labtest.New(t, netlab.Router())
	client, server, attacker := lab.Host("client"), lab.Host("server"), lab.Host("attacker")
	harness.Enforce(t, lab.Host("fw"), `
version: 1
security_groups:
  - name: entrance
    description: Where clients come in
    ingress:
      - { protocol: tcp, ports: 8000-8001, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 8000-8001, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: icmp, from_port: 8, to_port: 0, cidr_blocks: [0.0.0.0/0] }
      - { protocol: icmpv6, from_port: 128, to_port: 0, ipv6_cidr_blocks: ["::/0"] }
    egress: []
  - name: exit
    description: Where the server is
    egress:
      - { protocol: tcp, ports: 8001-8002, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 8001-8002, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
interfaces:
  - { device: eth0, security_groups: [entrance] }
  - { device: eth1, security_groups: [exit] }
`)
	own := func(h *netlab.Host) [2]netip.Addr {
		return [2]netip.Addr{h.Device("eth0").IPv4(), h.Device("eth0").IPv6()}
	}
	var attempts []harness.Attempt
	for family := range 2 {
		c, s, a := own(client)[family], own(server)[family], own(attacker)[family]
		for _, p := range []int{8000, 8001, 8002} {
			harness.Echoes(t, client, c, p)
			harness.Echoes(t, server, s, p)
			harness.Echoes(t, attacker, a, p)
		}
		for _, network := range []string{"tcp", "udp"} {
			way := func(what string, h *netlab.Host, from, to netip.Addr, p8000, p8001, p8002 bool) {
				for i, pass := range []bool{p8000, p8001, p8002} {
					attempts = append(attempts, harness.Expect(harness.PassIf(pass),
						harness.Exchange(t, what, h, network, from, harness.AddrPort(to, 8000+i))))
				}
			}
			way("in here and out there", client, c, s, false, true, false)
			way("in here only", client, c, a, true, true, false)
			way("out there only", attacker, a, s, false, true, true)
			way("against both", server, s, c, false, false, false)
			way("against the exit", server, s, a, false, false, false)
			way("against the entrance", attacker, a, c, false, false, false)
		}
		attempts = append(attempts,
			harness.Passes(harness.Ping(t, "in here only", client, c, a)),
			harness.Drops(harness.Ping(t, "which the exit does not let out", client, c, s)))
	}
	harness.Run(t, attempts)
}
