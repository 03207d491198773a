package rules

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestTrafficWithItselfIsUntouched has a machine under a policy that allows
// nothing but one port in talk to each of its own addresses (X4).
func TestTrafficWithItselfIsUntouched(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "X4")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	harness.Enforce(t, server.Host(),
		harness.PolicyWith([]string{harness.Allow("tcp", harness.GateIn)}, nil))
	var attempts []harness.Attempt
	try := func(want harness.Verdict, what string, h *netlab.Host, to netip.Addr) {
		for _, network := range []string{"tcp", "udp"} {
			attempts = append(attempts, harness.Expect(want,
				harness.Attempt{What: what + " " + network + " " + to.String(),
					Try: func(w time.Duration) bool {
						return harness.Exchanges(t, h, network, netip.AddrPort{},
							harness.AddrPort(to, harness.GateEcho), w)
					}}))
		}
		attempts = append(attempts, harness.Expect(want,
			harness.Attempt{What: what + " ping " + to.String(), Try: func(w time.Duration) bool {
				return harness.Pings(t, h, netip.Addr{}, to, w)
			}}))
	}
	for _, a := range append(harness.BothAddresses(server), harness.IP("127.0.0.1"), harness.IP("::1"),
		harness.LinkLocal(t, server)) {
		harness.EchoOn(t, server.Host(), harness.AddrPort(a, harness.GateEcho))
		try(harness.Pass, "itself", server.Host(), a)
	}
	for i, a := range harness.BothAddresses(server) {
		try(harness.Drop, "the client", client.Host(), a)
		harness.EchoOn(t, client.Host(),
			harness.AddrPort(harness.BothAddresses(client)[i], harness.GateEcho))
		try(harness.Drop, "the server", server.Host(), harness.BothAddresses(client)[i])
		harness.EchoOn(t, server.Host(), harness.AddrPort(a, harness.GateIn))
		attempts = append(attempts, harness.Passes(
			harness.Attempt{What: "the client, to the port of a rule " + a.String(),
				Try: func(w time.Duration) bool {
					return harness.Exchanges(t, client.Host(), "tcp", netip.AddrPort{},
						harness.AddrPort(a, harness.GateIn), w)
				}}))
	}
	harness.Run(t, attempts)
}
