package rules

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestSourcePorts: ports are those of the destination of the packet that begins
// a flow; from which port it comes is nobody's business (R6).
func TestSourcePorts(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R6")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
version: 1
security_groups:
  - name: ports
    description: One port in and one out
    ingress:
      - { protocol: tcp, ports: 80, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 80, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
    egress:
      - { protocol: tcp, ports: 443, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 443, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
interfaces:
  - { device: eth0, security_groups: [ports] }
`)
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, c, s netip.Addr) {
			// The client's ports end in 7 where it matters that nobody else has them.
			harness.Echoes(t, server, s, 80, 8080)
			harness.Echoes(t, client, c, 443, 8443)
			var attempts []harness.Attempt
			add := func(want harness.Verdict, h *netlab.Host, network string, from, to netip.AddrPort) {
				attempts = append(attempts, harness.Expect(want,
					harness.Attempt{What: fmt.Sprintf("%s from %s to %s", network, from, to),
						Try: func(w time.Duration) bool {
							return harness.Exchanges(t, h, network, from, to, w)
						}}))
			}
			for _, network := range []string{"tcp", "udp"} {
				add(harness.Pass, client, network, harness.AddrPort(c, 53), harness.AddrPort(s, 80))
				add(harness.Pass, client, network, harness.AddrPort(c, 80), harness.AddrPort(s, 80))
				add(harness.Pass, client, network, harness.AddrPort(c, 65535), harness.AddrPort(s, 80))
				add(harness.Drop, client, network, harness.AddrPort(c, 80), harness.AddrPort(s, 8080))
				add(harness.Drop, client, network, harness.AddrPort(c, 8080), harness.AddrPort(s, 8080))
				add(harness.Pass, server, network, harness.AddrPort(s, 53), harness.AddrPort(c, 443))
				// The egress rule means the remote port, not the local one.
				add(harness.Drop, server, network, harness.AddrPort(s, 443), harness.AddrPort(c, 8443))
			}
			harness.Run(t, attempts)
		})
}
