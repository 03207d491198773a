package test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestGroupReferences: a group in a rule stands for the addresses of its
// members, of both families, and for nobody beside them (R27, R31); it passes
// nothing on from the groups that its own rules name, and without members it
// stands for nobody (R33). `self` means the members of the rule's own group (R28).
func TestGroupReferences(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R27", "R28", "R31", "R33")
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
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
	var attempts []attempt
	for _, e := range ends(client.Device("eth0"), server.Device("eth0")) {
		s := e[1]
		stranger, web, db, app := beside(e[0], 0x10), beside(e[0], 0x11), beside(e[0], 0x12), beside(e[0], 0x21)
		echoes(t, server, s, 7000, 8080, 8081, 8082)
		for _, a := range []netip.Addr{stranger, web, db, app} {
			echoes(t, client, a, 5432, 7000)
		}
		in := func(what string, from netip.Addr, p int, pass bool) {
			attempts = append(attempts, exchange(t, "from "+what, client, "tcp", from, port(s, p), pass))
		}
		out := func(what string, to netip.Addr, p int, pass bool) {
			attempts = append(attempts, exchange(t, "to "+what, server, "tcp", s, port(to, p), pass))
		}
		in("a member", web, 8080, true)
		in("a member, of one of two groups", web, 8081, true)
		in("a neighbour of the member", stranger, 8080, false)
		in("the other neighbour of the member, whom the member admits", db, 8080, false)
		in("another of our own", app, 8080, false)
		in("a member, by the rule of another group", web, 7000, false)
		in("a member, by the rule of an empty group", web, 8082, false)
		in("a stranger, by the rule of an empty group", stranger, 8082, false)
		in("another of our own", app, 7000, true)
		in("a stranger", stranger, 7000, false)
		out("a member", db, 5432, true)
		out("a member, another port", db, 7000, false)
		out("a member of another group", web, 5432, false)
		out("a stranger", stranger, 5432, false)
		out("another of our own", app, 7000, true)
		out("a stranger", stranger, 7000, false)
		attempts = append(attempts,
			ping(t, "from a member", client, web, s, true),
			ping(t, "from a neighbour of the member", client, stranger, s, false))
	}
	run(t, attempts)
}

// TestSelfBetweenHosts: two machines in one group, each with its own file that
// lists the other as a peer, let each other in, and nobody else (R28).
func TestSelfBetweenHosts(t *testing.T) {
	parity.Proves(t, "R28")
	t.Parallel()
	parity.Proves(t, "R28", "R29")
	lab := labtest.New(t, neighbours())
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
	enforce(t, client, policy(`192.0.2.2, "2001:db8::2"`))
	enforce(t, server, policy(`192.0.2.1, "2001:db8::1"`))
	var attempts []attempt
	for _, e := range ends(client.Device("eth0"), server.Device("eth0")) {
		c, s := e[0], e[1]
		unlisted := beside(c, 0x11)
		echoes(t, client, c, 7000, 7010)
		echoes(t, client, unlisted, 7000)
		echoes(t, server, s, 7000, 7010)
		attempts = append(attempts,
			exchange(t, "one way", client, "tcp", c, port(s, 7000), true),
			exchange(t, "the other way", server, "tcp", s, port(c, 7000), true),
			exchange(t, "one way, another port", client, "tcp", c, port(s, 7010), false),
			exchange(t, "the other way, another port", server, "tcp", s, port(c, 7010), false),
			exchange(t, "from an address that the other does not list", client, "tcp", unlisted, port(s, 7000), false),
			exchange(t, "to an address that is not listed", server, "tcp", s, port(unlisted, 7000), false),
			ping(t, "no rule", client, c, s, false))
	}
	run(t, attempts)
}

// TestOwnAddressesAreMembers: the interface's own addresses, followed as they
// come and go, are members of its groups (R31). A packet from one of them comes
// from outside only where the machine is told to accept such; it shows here who
// is a member.
func TestOwnAddressesAreMembers(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R31")
	topology := netlab.Pair()
	topology.Hosts[1].Sysctls = map[string]string{
		"net.ipv4.conf.all.accept_local":  "1",
		"net.ipv4.conf.eth0.accept_local": "1",
	}
	lab := labtest.New(t, topology)
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
version: 1
security_groups:
  - name: cluster
    description: Ourselves
    ingress: [{ protocol: udp, ports: 7000, self: true }]
    egress: []
interfaces:
  - { device: eth0, security_groups: [cluster] }
`+oneQueue)
	dev := client.Device("eth0")
	link, err := server.Netlink().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	both(t, dev, server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		in := newRawInbox(t, server, wire.ProtoUDP, s)
		// Every shot comes from another port: a flow would outlive its member (T15).
		source := 10000
		from := func(what string, src netip.Addr, pass bool) shot {
			return raw(t, what, dev, in, func(b []byte) []byte {
				source++
				return wire.UDP(port(src, source), port(s, 7000), b)
			}, pass)
		}
		own := from("from the interface's own address", s, true)
		second := beside(s, 0x99)
		volley(t, []shot{
			from("from a neighbour", c, false),
			from("from an address that the interface does not have yet", second, false),
			own,
		})

		bits := 8 * len(s.AsSlice())
		address := &netlink.Addr{IPNet: &net.IPNet{IP: second.AsSlice(), Mask: net.CIDRMask(bits, bits)}}
		if s.Is6() {
			address.Flags = 0x02 // IFA_F_NODAD
		}
		if err := server.Netlink().AddrAdd(link, address); err != nil {
			t.Fatal(err)
		}
		arrives := func(want bool) bool {
			for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
				content := from("", second, want).send()
				if !in.receives(own.send(), patience) { // sent behind it
					return false
				}
				if in.has(content) == want {
					return true
				}
				time.Sleep(5 * time.Millisecond)
			}
			return false
		}
		if !arrives(true) {
			t.Fatal("an address that was added did not become a member")
		}
		volley(t, []shot{from("from a neighbour", c, false), from("from the address that was added", second, true), own})

		if err := server.Netlink().AddrDel(link, address); err != nil {
			t.Fatal(err)
		}
		if !arrives(false) {
			t.Fatal("an address that was removed stayed a member")
		}
		volley(t, []shot{from("from the address that was removed", second, false), own})
	})
}
