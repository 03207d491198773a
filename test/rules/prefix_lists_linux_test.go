package rules

import (
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestPrefixLists: an entry of a list is as good as a CIDR in the rule, in both
// directions, and what uses the list follows its changes (R22).
func TestPrefixLists(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R22")
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	policy := func(entries4, entries6 string) string {
		return `
version: 1
prefix_lists:
  - { name: office, entries: [` + entries4 + `] }
  - { name: office6, entries: [` + entries6 + `] }
security_groups:
  - name: listed
    description: The office
    ingress: [{ protocol: tcp, ports: 22, prefix_lists: [office, office6] }]
    egress: [{ protocol: tcp, ports: 443, prefix_lists: [office, office6] }]
interfaces:
  - { device: eth0, security_groups: [listed] }
`
	}
	d := harness.Enforce(t, server, policy(
		"{ cidr: 198.51.100.0/24 }, { cidr: 192.0.2.11/32 }",
		`{ cidr: "2001:db8:f::/48" }, { cidr: "2001:db8::11/128" }`))
	ends := harness.AddressPairs(client.Device("eth0"), server.Device("eth0"))
	for _, e := range ends {
		harness.Echoes(t, server, e[1], 22, 443)
		for _, n := range []byte{0x10, 0x11, 0x12} {
			harness.Echoes(t, client, harness.Neighbouring(e[0], n), 443)
		}
	}
	listed := func(when string, n11, n12 bool) {
		var attempts []harness.Attempt
		for _, e := range ends {
			for n, pass := range map[byte]bool{0x10: false, 0x11: n11, 0x12: n12} {
				peer, s := harness.Neighbouring(e[0], n), e[1]
				attempts = append(attempts,
					harness.Expect(harness.PassIf(pass),
						harness.Exchange(t, when+", from "+peer.String(), client, "tcp", peer,
							harness.AddrPort(s, 22))),
					harness.Drops(harness.Exchange(t, when+", from "+peer.String()+" to another port", client,
						"tcp", peer, harness.AddrPort(s, 443))),
					harness.Expect(harness.PassIf(pass),
						harness.Exchange(t, when+", of its own", server, "tcp", s, harness.AddrPort(peer, 443))))
			}
		}
		harness.Run(t, attempts)
	}
	listed("at first", true, false)
	d.Reload(policy("{ cidr: 192.0.2.12/31 }", `{ cidr: "2001:db8::12/127" }`))
	listed("other entries", false, true)
	d.Reload(policy("{ cidr: 192.0.2.12/31 }, { cidr: 192.0.2.11/32 }",
		`{ cidr: "2001:db8::12/127" }, { cidr: "2001:db8::11/128" }`))
	listed("one entry more", true, true)
}
