package rules

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestGroupReferences: a group in a rule stands for the addresses of its
// members, of both families, and for nobody beside them (R27, R31); it passes
// nothing on from the groups that its own rules name, and without members it
// stands for nobody (R33). `self` means the members of the rule's own group (R28).
func TestGroupReferences(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R27", "R28", "R31", "R33")
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	harness.Enforce(t, server, `
version: 1
security_groups:
  - name: app
    description: What runs here
    ingress:
      - { protocol: tcp, ports: 8080, security_groups: [web] }
      - { protocol: tcp, ports: 8081, security_groups: [web, nobody] }
      - { protocol: tcp, ports: 8082, security_groups: [nobody] }
      - { protocol: tcp, ports: 7000, self: true }
      - { protocol: icmp, from_port: 8, to_port: 0, security_groups: [web] }
      - { protocol: icmpv6, from_port: 128, to_port: 0, security_groups: [web] }
    egress:
      - { protocol: tcp, ports: 5432, security_groups: [db] }
      - { protocol: tcp, ports: 7000, self: true }
  - name: web
    description: Let in by app
    ingress: [{ protocol: -1, security_groups: [db] }]
  - { name: db, description: Let in by web }
  - { name: nobody, description: Has no member }
interfaces:
  - { device: eth0, security_groups: [app] }
peers:
  - { name: web-1, addresses: [192.0.2.11, "2001:db8::11"], security_groups: [web] }
  - { name: db-1, addresses: [192.0.2.12, "2001:db8::12"], security_groups: [db] }
  - { name: app-2, addresses: [192.0.2.21, "2001:db8::21"], security_groups: [app] }
`)
	var attempts []harness.Attempt
	for _, e := range harness.AddressPairs(client.Device("eth0"), server.Device("eth0")) {
		s := e[1]
		stranger, web, db, app := harness.Neighbouring(e[0], 0x10), harness.Neighbouring(e[0], 0x11),
			harness.Neighbouring(e[0], 0x12), harness.Neighbouring(e[0], 0x21)
		harness.Echoes(t, server, s, 7000, 8080, 8081, 8082)
		for _, a := range []netip.Addr{stranger, web, db, app} {
			harness.Echoes(t, client, a, 5432, 7000)
		}
		in := func(want harness.Verdict, what string, from netip.Addr, p int) {
			attempts = append(attempts, harness.Expect(want,
				harness.Exchange(t, "from "+what, client, "tcp", from, harness.AddrPort(s, p))))
		}
		out := func(want harness.Verdict, what string, to netip.Addr, p int) {
			attempts = append(attempts, harness.Expect(want,
				harness.Exchange(t, "to "+what, server, "tcp", s, harness.AddrPort(to, p))))
		}
		in(harness.Pass, "a member", web, 8080)
		in(harness.Pass, "a member, of one of two groups", web, 8081)
		in(harness.Drop, "a neighbour of the member", stranger, 8080)
		in(harness.Drop, "the other neighbour of the member, whom the member admits", db, 8080)
		in(harness.Drop, "another of our own", app, 8080)
		in(harness.Drop, "a member, by the rule of another group", web, 7000)
		in(harness.Drop, "a member, by the rule of an empty group", web, 8082)
		in(harness.Drop, "a stranger, by the rule of an empty group", stranger, 8082)
		in(harness.Pass, "another of our own", app, 7000)
		in(harness.Drop, "a stranger", stranger, 7000)
		out(harness.Pass, "a member", db, 5432)
		out(harness.Drop, "a member, another port", db, 7000)
		out(harness.Drop, "a member of another group", web, 5432)
		out(harness.Drop, "a stranger", stranger, 5432)
		out(harness.Pass, "another of our own", app, 7000)
		out(harness.Drop, "a stranger", stranger, 7000)
		attempts = append(attempts,
			harness.Passes(harness.Ping(t, "from a member", client, web, s)),
			harness.Drops(harness.Ping(t, "from a neighbour of the member", client, stranger, s)))
	}
	harness.Run(t, attempts)
}
