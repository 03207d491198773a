package rules

import (
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestGivenAddresses: a rule for one address, and one for a range of them.
func TestGivenAddresses(t *testing.T) {
	parity.Proves(t, "W12")
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	harness.Enforce(t, server.Host(), harness.PolicyWith([]string{
		`{ description: Database, protocol: tcp, ports: 3306, cidr_blocks: [192.0.2.10/32], ` +
			`ipv6_cidr_blocks: ["2001:db8::10/128"] }`,
		`{ description: Queue, protocol: tcp, ports: 5672, cidr_blocks: [192.0.2.8/29], ` +
			`ipv6_cidr_blocks: ["2001:db8::10/124"] }`,
	}, nil))
	var attempts []harness.Attempt
	for _, e := range harness.AddressPairs(client, server) {
		s := e[1]
		harness.Echoes(t, server.Host(), s, 3306, 5672)
		for _, c := range []struct {
			n               byte
			database, queue bool
		}{{0x10, true, true}, {0x11, false, true}, {0x12, false, true}, {0x21, false, false}} {
			from := harness.Neighbouring(e[0], c.n)
			attempts = append(attempts,
				harness.Expect(harness.PassIf(c.database),
					harness.Exchange(t, "from "+from.String(), client.Host(), "tcp", from,
						harness.AddrPort(s, 3306))),
				harness.Expect(harness.PassIf(c.queue),
					harness.Exchange(t, "from "+from.String(), client.Host(), "tcp", from,
						harness.AddrPort(s, 5672))))
		}
	}
	harness.Run(t, attempts)
}
