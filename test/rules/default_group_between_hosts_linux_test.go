package rules

import (
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestDefaultGroupBetweenHosts: two machines whose files name no group but list each
// other in the default group reach each other, whatever else they are asked by
// anybody is dropped, and what they ask themselves is not (D1, D2).
func TestDefaultGroupBetweenHosts(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "D1", "D2")
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	policy := func(other string) string {
		return "version: 1\ninterfaces: [{ device: eth0 }]\npeers: [{ name: other, addresses: [" + other +
			"], security_groups: [default] }]\n"
	}
	harness.Enforce(t, client, policy(`192.0.2.2, "2001:db8::2"`))
	harness.Enforce(t, server, policy(`192.0.2.1, "2001:db8::1"`))
	var attempts []harness.Attempt
	for _, e := range harness.AddressPairs(client.Device("eth0"), server.Device("eth0")) {
		c, s := e[0], e[1]
		unlisted := harness.Neighbouring(c, 0x11)
		harness.Echoes(t, client, c, 7000)
		harness.Echoes(t, client, unlisted, 7000)
		harness.Echoes(t, server, s, 7000)
		attempts = append(attempts,
			harness.Passes(harness.Exchange(t, "one way", client, "tcp", c, harness.AddrPort(s, 7000))),
			harness.Passes(harness.Exchange(t, "one way", client, "udp", c, harness.AddrPort(s, 7000))),
			harness.Passes(harness.Exchange(t, "the other way", server, "tcp", s,
				harness.AddrPort(c, 7000))),
			harness.Passes(harness.Ping(t, "a member", client, c, s)),
			harness.Passes(harness.Exchange(t, "out to an address that is no member", server, "tcp", s,
				harness.AddrPort(unlisted, 7000))),
			harness.Drops(harness.Exchange(t, "from an address that is no member", client, "tcp", unlisted,
				harness.AddrPort(s, 7000))),
			harness.Drops(harness.Exchange(t, "from an address that is no member", client, "udp", unlisted,
				harness.AddrPort(s, 7000))),
			harness.Drops(harness.Ping(t, "no member", client, unlisted, s)))
	}
	harness.Run(t, attempts)
}
