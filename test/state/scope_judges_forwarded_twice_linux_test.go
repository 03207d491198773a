package state

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestScopeJudgesForwardedTwice: a packet that enters through one device of a scope
// and leaves through another is judged at both, though its first judgement has just
// begun a flow in the scope of the second (D7, T26).
func TestScopeJudgesForwardedTwice(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "D7", "T26")
	lab := labtest.New(t, netlab.Router())
	client, server, attacker := lab.Host("client"), lab.Host("server"), lab.Host("attacker")
	harness.Enforce(t, lab.Host("fw"), `
version: 1
security_groups:
  - name: entrance
    description: Where clients come in
    ingress:
      - { protocol: udp, ports: 8000-8001, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: 47, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
    egress: []
  - name: exit
    description: Where the server is
    egress: [{ protocol: udp, ports: 8001-8002, cidr_blocks: [0.0.0.0/0],
          ipv6_cidr_blocks: ["::/0"] }]
interfaces:
  - { device: eth0, security_groups: [entrance], scope: both }
  - { device: eth1, security_groups: [exit], scope: both }
`+harness.OneQueue)
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, c, s netip.Addr) {
			asker := harness.NewInbox(t, client, harness.AddrPort(c, 40000))
			to := func(p int) harness.Shot {
				return harness.Datagram(t, fmt.Sprint("to port ", p), asker,
					harness.NewInbox(t, server, harness.AddrPort(s, p)), harness.AddrPort(s, p))
			}
			in, out, refused := harness.Passes(to(8001)), harness.Drops(to(8002)), harness.Drops(to(8000))
			// From an address to itself a packet and its answer look the same. The server
			// would not take it, so what is on the wire decides.
			wiretap := labtest.Capture(t, server, "eth0", netlab.CaptureOptions{})
			for range 2 {
				harness.Volley(t, []harness.Shot{refused, out, in})
				self := harness.Nonce()
				if err := client.Device("eth0").Send(wire.GRE(s, s, self)); err != nil {
					t.Fatal(err)
				}
				behind := in.Send()
				holds := func(content []byte) func(netlab.Packet) bool {
					return func(p netlab.Packet) bool { return bytes.Contains(p.Bytes, content) }
				}
				seen, err := wiretap.Until(labtest.Within(t, harness.ArrivalTimeout), holds(behind))
				if err != nil {
					t.Fatal(err)
				}
				if slices.ContainsFunc(seen, holds(self)) {
					t.Error("from an address to itself: arrived")
				}
			}

			// What leaves through a device without rules shows that these came in.
			a := attacker.Device("eth0").IPv4()
			if c.Is6() {
				a = attacker.Device("eth0").IPv6()
			}
			harness.Volley(t, []harness.Shot{
				harness.Passes(harness.Datagram(t, "in alone", asker,
					harness.NewInbox(t, attacker, harness.AddrPort(a, 8000)), harness.AddrPort(a, 8000)))})
		})
}
