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

// TestFlowsBelongToOneInterface: a flow that came in through one device admits
// nothing that comes in through another, though it have the same addresses and
// ports (T26).
func TestFlowsBelongToOneInterface(t *testing.T) {
	parity.Proves(t, "T26")
	t.Parallel()
	lab := labtest.New(t, netlab.Router())
	client, server, far := lab.Host("client"), lab.Host("server"), lab.Host("attacker")
	harness.Enforce(t, lab.Host("fw"), `
version: 1
security_groups:
  - name: open
    description: One port
    ingress: [{ protocol: udp, ports: 8000, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }]
  - { name: closed, description: No port }
interfaces:
  - { device: eth0, security_groups: [open] }
  - { device: eth1, security_groups: [closed] }
`+harness.OneQueue)
	harness.BothFamilies(t, client.Device("eth0"), far.Device("eth0"),
		func(t *testing.T, c, a netip.Addr) {
			service, asker := harness.NewInbox(t, far, harness.AddrPort(a, 8000)),
				harness.NewInbox(t, client, harness.AddrPort(c, 8001))
			first := harness.Passes(harness.Datagram(t, "through the open device", asker, service,
				harness.AddrPort(a, 8000)))
			harness.Volley(t, []harness.Shot{first})
			answer := service.Send(t, harness.AddrPort(c, 8001))
			if _, ok := asker.Receives(answer, harness.ArrivalTimeout); !ok {
				t.Error("the answer did not come back")
			}
			forged := first
			forged.What, forged.Want = "the same through the closed device", harness.Drop
			forged.Send = func() []byte {
				content := harness.Nonce()
				if err := server.Device("eth0").Send(
					wire.UDP(harness.AddrPort(c, 8001), harness.AddrPort(a, 8000), content)); err != nil {
					t.Error(err)
				}
				return content
			}
			harness.Volley(t, []harness.Shot{forged, first})
		})
}
