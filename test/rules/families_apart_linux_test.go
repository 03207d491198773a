package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestFamiliesApart: 0.0.0.0/0 says nothing about IPv6, nor ::/0 about IPv4, in
// neither direction and for no protocol (R20).
func TestFamiliesApart(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R20")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
version: 1
security_groups:
  - name: apart
    description: One family per port
    ingress:
      - { protocol: tcp, ports: 4444, cidr_blocks: [0.0.0.0/0] }
      - { protocol: tcp, ports: 6666, ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 4444, cidr_blocks: [0.0.0.0/0] }
      - { protocol: udp, ports: 6666, ipv6_cidr_blocks: ["::/0"] }
    egress:
      - { protocol: tcp, ports: 4444, cidr_blocks: [0.0.0.0/0] }
      - { protocol: tcp, ports: 6666, ipv6_cidr_blocks: ["::/0"] }
interfaces:
  - { device: eth0, security_groups: [apart] }
`)
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, c, s netip.Addr) {
			harness.Echoes(t, client, c, 4444, 6666)
			harness.Echoes(t, server, s, 4444, 6666)
			var attempts []harness.Attempt
			for _, p := range []int{4444, 6666} {
				pass := c.Is4() == (p == 4444)
				attempts = append(attempts,
					harness.Expect(harness.PassIf(pass),
						harness.Exchange(t, "in", client, "tcp", c, harness.AddrPort(s, p))),
					harness.Expect(harness.PassIf(pass),
						harness.Exchange(t, "in", client, "udp", c, harness.AddrPort(s, p))),
					harness.Expect(harness.PassIf(pass),
						harness.Exchange(t, "out", server, "tcp", s, harness.AddrPort(c, p))))
			}
			harness.Run(t, attempts)
		})
	t.Run("every protocol", func(t *testing.T) {
		for _, c := range []struct {
			peers string
			is4   bool
		}{{`cidr_blocks: [0.0.0.0/0]`, true}, {`ipv6_cidr_blocks: ["::/0"]`, false}} {
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client"), lab.Host("server")
			harness.Enforce(t, server, `
version: 1
security_groups:
  - { name: all, description: Everything of one family, ingress: [{ protocol: -1, `+c.peers+` }],
        egress: [{ protocol: -1, `+c.peers+` }] }
interfaces:
  - { device: eth0, security_groups: [all] }
`)
			harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
				func(t *testing.T, from, s netip.Addr) {
					harness.Echoes(t, server, s, 80)
					harness.Echoes(t, client, from, 80)
					pass := from.Is4() == c.is4
					harness.Run(t, []harness.Attempt{
						harness.Expect(harness.PassIf(pass),
							harness.Exchange(t, "in", client, "tcp", from, harness.AddrPort(s, 80))),
						harness.Expect(harness.PassIf(pass),
							harness.Exchange(t, "in", client, "udp", from, harness.AddrPort(s, 80))),
						harness.Expect(harness.PassIf(pass), harness.Ping(t, "in", client, from, s)),
						harness.Expect(harness.PassIf(pass),
							harness.Exchange(t, "out", server, "tcp", s, harness.AddrPort(from, 80))),
						harness.Expect(harness.PassIf(pass), harness.Ping(t, "out", server, s, from)),
					})
				})
		}
	})
}
