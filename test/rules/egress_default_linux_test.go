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

// TestEgressDefault: where egress is left out, everything may leave to both
// families, and where ingress is left out, nothing new comes in (D1).
func TestEgressDefault(t *testing.T) {
	parity.Proves(t, "D4", "D1")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
version: 1
security_groups:
  - { name: fresh, description: As AWS creates it }
interfaces:
  - { device: eth0, security_groups: [fresh] }
`+harness.OneQueue)
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, c, s netip.Addr) {
			harness.Echoes(t, client, c, 1, 443, 65535)
			harness.Echoes(t, server, s, 443)
			harness.Run(t, []harness.Attempt{
				harness.Passes(harness.Exchange(t, "out", server, "tcp", s, harness.AddrPort(c, 1))),
				harness.Passes(harness.Exchange(t, "out", server, "tcp", s, harness.AddrPort(c, 65535))),
				harness.Passes(harness.Exchange(t, "out", server, "udp", s, harness.AddrPort(c, 443))),
				harness.Passes(harness.Ping(t, "out", server, s, c)),
				harness.Drops(harness.Exchange(t, "in", client, "tcp", c, harness.AddrPort(s, 443))),
				harness.Drops(harness.Exchange(t, "in", client, "udp", c, harness.AddrPort(s, 443))),
				harness.Drops(harness.Ping(t, "in", client, c, s)),
			})
			gre := harness.NewRawInbox(t, client, wire.ProtoGRE, c)
			content := harness.Nonce()
			harness.NewRawInbox(t, server, wire.ProtoGRE, s).Write(t, wire.GRE(s, c, content), c)
			if !gre.Receives(content, harness.ArrivalTimeout) {
				t.Error("GRE did not leave")
			}
		})
}
