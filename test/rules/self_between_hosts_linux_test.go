package rules

import (
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestSelfBetweenHosts: two machines in one group, each with its own file that
// lists the other as a peer, let each other in, and nobody else (R28).
func TestSelfBetweenHosts(t *testing.T) {
	parity.Proves(t, "R28")
	t.Parallel()
	parity.Proves(t, "R28", "R29")
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	policy := func(other string) string {
		return `
version: 1
security_groups:
  - name: cluster
    description: Machines that talk to each other
    ingress: [{ protocol: tcp, ports: 7000-7009, self: true }]
    egress: [{ protocol: tcp, ports: 7000-7009, self: true }]
interfaces:
  - { device: eth0, security_groups: [cluster] }
peers:
  - { name: other, addresses: [` + other + `], security_groups: [cluster] }
`
	}
	harness.Enforce(t, client, policy(`192.0.2.2, "2001:db8::2"`))
	harness.Enforce(t, server, policy(`192.0.2.1, "2001:db8::1"`))
	var attempts []harness.Attempt
	for _, e := range harness.AddressPairs(client.Device("eth0"), server.Device("eth0")) {
		c, s := e[0], e[1]
		unlisted := harness.Neighbouring(c, 0x11)
		harness.Echoes(t, client, c, 7000, 7010)
		harness.Echoes(t, client, unlisted, 7000)
		harness.Echoes(t, server, s, 7000, 7010)
		attempts = append(attempts,
			harness.Passes(harness.Exchange(t, "one way", client, "tcp", c, harness.AddrPort(s, 7000))),
			harness.Passes(harness.Exchange(t, "the other way", server, "tcp", s,
				harness.AddrPort(c, 7000))),
			harness.Drops(harness.Exchange(t, "one way, another port", client, "tcp", c,
				harness.AddrPort(s, 7010))),
			harness.Drops(harness.Exchange(t, "the other way, another port", server, "tcp", s,
				harness.AddrPort(c, 7010))),
			harness.Drops(harness.Exchange(t, "from an address that the other does not list", client, "tcp",
				unlisted, harness.AddrPort(s, 7000))),
			harness.Drops(harness.Exchange(t, "to an address that is not listed", server, "tcp", s,
				harness.AddrPort(unlisted, 7000))),
			harness.Drops(harness.Ping(t, "no rule", client, c, s)))
	}
	harness.Run(t, attempts)
}
