package test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

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
	enforce(t, server, `
version: 1
security_groups:
  - name: edges
    description: The ends of port ranges
    ingress:
      - { protocol: tcp, ports: 8000-9000, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 8000-9000, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: tcp, from_port: 65535, to_port: 65535, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, from_port: 0, to_port: 1, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
    egress:
      - { protocol: tcp, ports: 7000-7001, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 7000-7001, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
interfaces:
  - { device: eth0, security_groups: [edges] }
`)
	both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		var attempts []attempt
		for _, e := range []struct {
			port     int
			tcp, udp bool
		}{
			{1, false, true}, {2, false, false},
			{7999, false, false}, {8000, true, true}, {8500, true, true}, {9000, true, true}, {9001, false, false},
			{65534, false, false}, {65535, true, false},
		} {
			echoes(t, server, s, e.port)
			attempts = append(attempts,
				exchange(t, "in", client, "tcp", c, port(s, e.port), e.tcp),
				exchange(t, "in", client, "udp", c, port(s, e.port), e.udp))
		}
		for p, pass := range map[int]bool{6999: false, 7000: true, 7001: true, 7002: false, 8000: false} {
			echoes(t, client, c, p)
			attempts = append(attempts,
				exchange(t, "out", server, "tcp", s, port(c, p), pass),
				exchange(t, "out", server, "udp", s, port(c, p), pass))
		}
		run(t, attempts)
	})
}

// TestSourcePorts: ports are those of the destination of the packet that begins
// a flow; from which port it comes is nobody's business (R6).
func TestSourcePorts(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R6")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
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
	both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		// The client's ports end in 7 where it matters that nobody else has them.
		echoes(t, server, s, 80, 8080)
		echoes(t, client, c, 443, 8443)
		var attempts []attempt
		add := func(h *netlab.Host, network string, from, to netip.AddrPort, pass bool) {
			attempts = append(attempts, attempt{fmt.Sprintf("%s from %s to %s", network, from, to), func(w time.Duration) bool {
				return exchanges(t, h, network, from, to, w)
			}, pass})
		}
		for _, network := range []string{"tcp", "udp"} {
			add(client, network, port(c, 53), port(s, 80), true)
			add(client, network, port(c, 80), port(s, 80), true)
			add(client, network, port(c, 65535), port(s, 80), true)
			add(client, network, port(c, 80), port(s, 8080), false)
			add(client, network, port(c, 8080), port(s, 8080), false)
			add(server, network, port(s, 53), port(c, 443), true)
			// The egress rule means the remote port, not the local one.
			add(server, network, port(s, 443), port(c, 8443), false)
		}
		run(t, attempts)
	})
}
