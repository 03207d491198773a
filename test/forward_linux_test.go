package test

import (
	"net/netip"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestForwardedIsJudgedTwice: what crosses two managed devices passes only if
// the groups of both allow it, ingress where it enters and egress where it
// leaves (D7, X6); a device without groups says nothing.
func TestForwardedIsJudgedTwice(t *testing.T) {
	parity.Proves(t, "D7", "X6")
	t.Parallel()
	lab := labtest.New(t, netlab.Router())
	client, server, attacker := lab.Host("client"), lab.Host("server"), lab.Host("attacker")
	enforce(t, lab.Host("fw"), `
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
	var attempts []attempt
	for family := range 2 {
		c, s, a := own(client)[family], own(server)[family], own(attacker)[family]
		for _, p := range []int{8000, 8001, 8002} {
			echoes(t, client, c, p)
			echoes(t, server, s, p)
			echoes(t, attacker, a, p)
		}
		for _, network := range []string{"tcp", "udp"} {
			way := func(what string, h *netlab.Host, from, to netip.Addr, p8000, p8001, p8002 bool) {
				for i, pass := range []bool{p8000, p8001, p8002} {
					attempts = append(attempts, exchange(t, what, h, network, from, port(to, 8000+i), pass))
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
			ping(t, "in here only", client, c, a, true),
			ping(t, "which the exit does not let out", client, c, s, false))
	}
	run(t, attempts)
}

// TestFlowsBelongToOneInterface: a flow that came in through one device admits
// nothing that comes in through another, though it have the same addresses and
// ports (T26).
func TestFlowsBelongToOneInterface(t *testing.T) {
	parity.Proves(t, "T26")
	t.Parallel()
	lab := labtest.New(t, netlab.Router())
	client, server, far := lab.Host("client"), lab.Host("server"), lab.Host("attacker")
	enforce(t, lab.Host("fw"), `
version: 1
security_groups:
  - name: open
    description: One port
    ingress: [{ protocol: udp, ports: 8000, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }]
  - { name: closed, description: No port }
interfaces:
  - { device: eth0, security_groups: [open] }
  - { device: eth1, security_groups: [closed] }
`+oneQueue)
	both(t, client.Device("eth0"), far.Device("eth0"), func(t *testing.T, c, a netip.Addr) {
		service, asker := newInbox(t, far, port(a, 8000)), newInbox(t, client, port(c, 8001))
		first := datagram(t, "through the open device", asker, service, port(a, 8000), true)
		volley(t, []shot{first})
		answer := service.send(t, port(c, 8001))
		if _, ok := asker.receives(answer, patience); !ok {
			t.Error("the answer did not come back")
		}
		forged := first
		forged.what, forged.pass = "the same through the closed device", false
		forged.send = func() []byte {
			content := nonce()
			if err := server.Device("eth0").Send(wire.UDP(port(c, 8001), port(a, 8000), content)); err != nil {
				t.Error(err)
			}
			return content
		}
		volley(t, []shot{forged, first})
	})
}
