package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestExemptIsNotForwarded: what a host forwards is not its own question (X6).
func TestExemptIsNotForwarded(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X6")
	lab := labtest.New(t, netlab.Router())
	fw, client, server := lab.Host("fw"), lab.Host("client"), lab.Host("server")
	d := harness.Prepare(t, fw, harness.PolicyOn("eth1", nil,
		[]string{harness.Allow("udp", harness.GateOut)}, "exempt: [resolvers]"))
	names := harness.BothAddresses(server.Device("eth0"))
	harness.NameServers(t, d)(names[0].String(), names[1].String())
	d.Start()
	var attempts []harness.Attempt
	for _, a := range names {
		harness.EchoOn(t, server, harness.AddrPort(a, 53), harness.AddrPort(a, harness.GateOut))
		attempts = append(attempts,
			harness.Passes(harness.Exchange(t, "the router asks", fw, "udp", netip.Addr{},
				harness.AddrPort(a, 53))),
			harness.Drops(harness.Exchange(t, "a machine behind it asks", client, "udp", netip.Addr{},
				harness.AddrPort(a, 53))),
			harness.Passes(harness.Exchange(t, "a machine behind it, by a rule", client, "udp", netip.Addr{},
				harness.AddrPort(a, harness.GateOut))))
	}
	harness.Run(t, attempts)
}
