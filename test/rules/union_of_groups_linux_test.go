package rules

import (
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestUnionOfGroups: the rules of all groups of an interface are pooled, in
// whatever order they are attached (D6, R4); overlapping rules are legal and a
// narrow one takes nothing from a wide one (R5, expected outcome 1).
func TestUnionOfGroups(t *testing.T) {
	parity.Proves(t, "D6", "row 1", "R5")
	t.Parallel()
	parity.Proves(t, "R4", "R5")
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	policy := func(attached string) string {
		return `
version: 1
security_groups:
  - name: one
    description: One port
    ingress:
      - { protocol: tcp, ports: 8001, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: tcp, ports: 22, cidr_blocks: [192.0.2.11/32],
            ipv6_cidr_blocks: ["2001:db8::11/128"] }
      - { protocol: tcp, ports: 8003, cidr_blocks: [192.0.2.11/32],
            ipv6_cidr_blocks: ["2001:db8::11/128"] }
    egress: []
  - name: two
    description: Another port
    ingress:
      - { protocol: tcp, ports: 8002, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: tcp, ports: 22, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [` + attached + `] }
`
	}
	d := harness.Enforce(t, server, policy("one, two"))
	ends := harness.AddressPairs(client.Device("eth0"), server.Device("eth0"))
	for _, e := range ends {
		harness.Echoes(t, server, e[1], 22, 8001, 8002, 8003, 8004)
	}
	for _, c := range []struct {
		attached string
		one, two bool
	}{
		{"one, two", true, true},
		{"two, one", true, true},
		{"one", true, false},
		{"two", false, true},
	} {
		d.Reload(policy(c.attached))
		var attempts []harness.Attempt
		for _, e := range ends {
			from, s := e[0], e[1]
			narrow := harness.Neighbouring(from, 0x11)
			attempts = append(attempts,
				harness.Expect(harness.PassIf(c.one),
					harness.Exchange(t, "with "+c.attached, client, "tcp", from, harness.AddrPort(s, 8001))),
				harness.Expect(harness.PassIf(c.two),
					harness.Exchange(t, "with "+c.attached, client, "tcp", from, harness.AddrPort(s, 8002))),
				harness.Expect(harness.PassIf(c.two),
					harness.Exchange(t, "anyone, with "+c.attached, client, "tcp", from, harness.AddrPort(s, 22))),
				harness.Passes(harness.Exchange(t, "the narrow rule's own, with "+c.attached, client, "tcp",
					narrow, harness.AddrPort(s, 22))),
				harness.Expect(harness.PassIf(c.one),
					harness.Exchange(t, "the narrow rule alone, with "+c.attached, client, "tcp", narrow,
						harness.AddrPort(s, 8003))),
				harness.Drops(harness.Exchange(t, "not the narrow rule's own, with "+c.attached, client, "tcp",
					from, harness.AddrPort(s, 8003))),
				harness.Drops(harness.Exchange(t, "no rule, with "+c.attached, client, "tcp", from,
					harness.AddrPort(s, 8004))))
		}
		harness.Run(t, attempts)
	}
}
