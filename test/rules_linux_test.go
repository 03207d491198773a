package test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// exchange is an attempt to get an answer from an echo server.
func exchange(t *testing.T, what string, h *netlab.Host, network string, from netip.Addr, to netip.AddrPort, pass bool) attempt {
	return attempt{network + " " + to.String() + ", " + what, func(w time.Duration) bool {
		return exchanges(t, h, network, port(from, 0), to, w)
	}, pass}
}

// ping is an attempt to get an echo reply.
func ping(t *testing.T, what string, h *netlab.Host, from, to netip.Addr, pass bool) attempt {
	return attempt{"ping " + to.String() + ", " + what, func(w time.Duration) bool { return pings(t, h, from, to, w) }, pass}
}

// TestEgressNothing: with `egress: []` the machine begins nothing (D3), and yet
// answers what its ingress rules let in (T1, T4; expected outcomes 8 and 14).
func TestEgressNothing(t *testing.T) {
	parity.Proves(t, "D3", "D4", "T1", "row 8", "row 14")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
version: 1
security_groups:
  - name: answers
    description: Answers, and never asks
    ingress:
      - { protocol: tcp, ports: 8080, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 9000, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: icmp, from_port: 8, to_port: -1, cidr_blocks: [0.0.0.0/0] }
      - { protocol: icmpv6, from_port: 128, to_port: -1, ipv6_cidr_blocks: ["::/0"] }
    egress: []
interfaces:
  - { device: eth0, security_groups: [answers] }
`+oneQueue)
	both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		echoes(t, server, s, 8080, 8081, 9000)
		echoes(t, client, c, 443, 8080, 9000)
		run(t, []attempt{
			exchange(t, "a reply over TCP", client, "tcp", c, port(s, 8080), true),
			exchange(t, "a reply over UDP", client, "udp", c, port(s, 9000), true),
			ping(t, "an echo reply", client, c, s, true),
			exchange(t, "no rule", client, "tcp", c, port(s, 8081), false),
			exchange(t, "the right number of the wrong protocol", client, "udp", c, port(s, 8080), false),
			exchange(t, "the right number of the wrong protocol", client, "tcp", c, port(s, 9000), false),
			exchange(t, "of its own", server, "tcp", s, port(c, 443), false),
			exchange(t, "of its own, to a port that ingress names", server, "tcp", s, port(c, 8080), false),
			exchange(t, "of its own", server, "udp", s, port(c, 9000), false),
			ping(t, "of its own", server, s, c, false),
		})
		// A datagram of the server's own, from the port that answers, too.
		service, asker := newInbox(t, server, port(s, 9001)), newInbox(t, client, port(c, 9100))
		volley(t, []shot{
			datagram(t, "a question to a closed port", asker, service, port(s, 9001), false),
			datagram(t, "an answer to nothing", service, asker, port(c, 9100), false),
			raw(t, "a ping", client.Device("eth0"), newRawInbox(t, server, icmpOf(s), s), func(b []byte) []byte { return wire.Echo(c, s, 1, 1, b) }, true),
		})
	})
}

// TestEgressDefault: where egress is left out, everything may leave to both
// families, and where ingress is left out, nothing new comes in (D1).
func TestEgressDefault(t *testing.T) {
	parity.Proves(t, "D4", "D1")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
version: 1
security_groups:
  - { name: fresh, description: As AWS creates it }
interfaces:
  - { device: eth0, security_groups: [fresh] }
`+oneQueue)
	both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		echoes(t, client, c, 1, 443, 65535)
		echoes(t, server, s, 443)
		run(t, []attempt{
			exchange(t, "out", server, "tcp", s, port(c, 1), true),
			exchange(t, "out", server, "tcp", s, port(c, 65535), true),
			exchange(t, "out", server, "udp", s, port(c, 443), true),
			ping(t, "out", server, s, c, true),
			exchange(t, "in", client, "tcp", c, port(s, 443), false),
			exchange(t, "in", client, "udp", c, port(s, 443), false),
			ping(t, "in", client, c, s, false),
		})
		gre := newRawInbox(t, client, wire.ProtoGRE, c)
		content := nonce()
		newRawInbox(t, server, wire.ProtoGRE, s).write(t, wire.GRE(s, c, content), c)
		if !gre.receives(content, patience) {
			t.Error("GRE did not leave")
		}
	})
}

// TestUnionOfGroups: the rules of all groups of an interface are pooled, in
// whatever order they are attached (D6, R4); overlapping rules are legal and a
// narrow one takes nothing from a wide one (R5, expected outcome 1).
func TestUnionOfGroups(t *testing.T) {
	parity.Proves(t, "D6", "row 1", "R5")
	t.Parallel()
	parity.Proves(t, "R4", "R5")
	lab := labtest.New(t, neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	policy := func(attached string) string {
		return `
version: 1
security_groups:
  - name: one
    description: One port
    ingress:
      - { protocol: tcp, ports: 8001, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }
      - { protocol: tcp, ports: 22, cidr_blocks: [192.0.2.11/32], ipv6_cidr_blocks: ["2001:db8::11/128"] }
      - { protocol: tcp, ports: 8003, cidr_blocks: [192.0.2.11/32], ipv6_cidr_blocks: ["2001:db8::11/128"] }
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
	d := enforce(t, server, policy("one, two"))
	ends := ends(client.Device("eth0"), server.Device("eth0"))
	for _, e := range ends {
		echoes(t, server, e[1], 22, 8001, 8002, 8003, 8004)
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
		d.reload(policy(c.attached))
		var attempts []attempt
		for _, e := range ends {
			from, s := e[0], e[1]
			narrow := beside(from, 0x11)
			attempts = append(attempts,
				exchange(t, "with "+c.attached, client, "tcp", from, port(s, 8001), c.one),
				exchange(t, "with "+c.attached, client, "tcp", from, port(s, 8002), c.two),
				exchange(t, "anyone, with "+c.attached, client, "tcp", from, port(s, 22), c.two),
				exchange(t, "the narrow rule's own, with "+c.attached, client, "tcp", narrow, port(s, 22), true),
				exchange(t, "the narrow rule alone, with "+c.attached, client, "tcp", narrow, port(s, 8003), c.one),
				exchange(t, "not the narrow rule's own, with "+c.attached, client, "tcp", from, port(s, 8003), false),
				exchange(t, "no rule, with "+c.attached, client, "tcp", from, port(s, 8004), false))
		}
		run(t, attempts)
	}
}

// TestFamiliesApart: 0.0.0.0/0 says nothing about IPv6, nor ::/0 about IPv4, in
// neither direction and for no protocol (R20).
func TestFamiliesApart(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R20")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	enforce(t, server, `
version: 1
security_groups:
  - name: apart
    description: One family per port
    ingress:
      - { protocol: tcp, ports: 4444, cidr_blocks: [0.0.0.0/0] }
      - { protocol: tcp, ports: 6666, ipv6_cidr_blocks: ["::/0"] }
      - { protocol: udp, ports: 4444, cidr_blocks: [0.0.0.0/0] }
      - { protocol: udp, ports: 6666, ipv6_cidr_blocks: ["::/0"] }
    egress:
      - { protocol: tcp, ports: 4444, cidr_blocks: [0.0.0.0/0] }
      - { protocol: tcp, ports: 6666, ipv6_cidr_blocks: ["::/0"] }
interfaces:
  - { device: eth0, security_groups: [apart] }
`)
	both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
		echoes(t, client, c, 4444, 6666)
		echoes(t, server, s, 4444, 6666)
		var attempts []attempt
		for _, p := range []int{4444, 6666} {
			pass := c.Is4() == (p == 4444)
			attempts = append(attempts,
				exchange(t, "in", client, "tcp", c, port(s, p), pass),
				exchange(t, "in", client, "udp", c, port(s, p), pass),
				exchange(t, "out", server, "tcp", s, port(c, p), pass))
		}
		run(t, attempts)
	})
	t.Run("every protocol", func(t *testing.T) {
		for _, c := range []struct {
			peers string
			is4   bool
		}{{`cidr_blocks: [0.0.0.0/0]`, true}, {`ipv6_cidr_blocks: ["::/0"]`, false}} {
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client"), lab.Host("server")
			enforce(t, server, `
version: 1
security_groups:
  - { name: all, description: Everything of one family, ingress: [{ protocol: -1, `+c.peers+` }], egress: [{ protocol: -1, `+c.peers+` }] }
interfaces:
  - { device: eth0, security_groups: [all] }
`)
			both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, from, s netip.Addr) {
				echoes(t, server, s, 80)
				echoes(t, client, from, 80)
				pass := from.Is4() == c.is4
				run(t, []attempt{
					exchange(t, "in", client, "tcp", from, port(s, 80), pass),
					exchange(t, "in", client, "udp", from, port(s, 80), pass),
					ping(t, "in", client, from, s, pass),
					exchange(t, "out", server, "tcp", s, port(from, 80), pass),
					ping(t, "out", server, s, from, pass),
				})
			})
		}
	})
}

// TestPrefixLists: an entry of a list is as good as a CIDR in the rule, in both
// directions, and what uses the list follows its changes (R22).
func TestPrefixLists(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R22")
	lab := labtest.New(t, neighbours())
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
	d := enforce(t, server, policy(
		"{ cidr: 198.51.100.0/24 }, { cidr: 192.0.2.11/32 }",
		`{ cidr: "2001:db8:f::/48" }, { cidr: "2001:db8::11/128" }`))
	ends := ends(client.Device("eth0"), server.Device("eth0"))
	for _, e := range ends {
		echoes(t, server, e[1], 22, 443)
		for _, n := range []byte{0x10, 0x11, 0x12} {
			echoes(t, client, beside(e[0], n), 443)
		}
	}
	listed := func(when string, n11, n12 bool) {
		var attempts []attempt
		for _, e := range ends {
			for n, pass := range map[byte]bool{0x10: false, 0x11: n11, 0x12: n12} {
				peer, s := beside(e[0], n), e[1]
				attempts = append(attempts,
					exchange(t, when+", from "+peer.String(), client, "tcp", peer, port(s, 22), pass),
					exchange(t, when+", from "+peer.String()+" to another port", client, "tcp", peer, port(s, 443), false),
					exchange(t, when+", of its own", server, "tcp", s, port(peer, 443), pass))
			}
		}
		run(t, attempts)
	}
	listed("at first", true, false)
	d.reload(policy("{ cidr: 192.0.2.12/31 }", `{ cidr: "2001:db8::12/127" }`))
	listed("other entries", false, true)
	d.reload(policy("{ cidr: 192.0.2.12/31 }, { cidr: 192.0.2.11/32 }", `{ cidr: "2001:db8::12/127" }, { cidr: "2001:db8::11/128" }`))
	listed("one entry more", true, true)
}

// TestRuleOfAnotherFamily: AWS changes no rule from one family to another; in a
// file that is one rule less and one more (R42, expected outcome 24).
func TestRuleOfAnotherFamily(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "row 24")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	policy := func(peer string) string {
		return `
version: 1
security_groups:
  - { name: one, description: One rule, ingress: [{ protocol: tcp, ports: 22, ` + peer + ` }], egress: [] }
interfaces:
  - { device: eth0, security_groups: [one] }
`
	}
	d := enforce(t, server, policy(`cidr_blocks: [192.0.2.0/24]`))
	expect := func(when string, four bool) {
		both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, c, s netip.Addr) {
			echoes(t, server, s, 22)
			run(t, []attempt{exchange(t, when, client, "tcp", c, port(s, 22), c.Is4() == four)})
		})
	}
	expect("IPv4", true)
	d.write(policy(`ipv6_cidr_blocks: ["2001:db8::/64"]`))
	var reply struct {
		Changes []struct{ Op, Part, What string }
	}
	d.document(&reply, "reload")
	if got, want := fmt.Sprint(reply.Changes), "[{- group one ingress tcp 22 192.0.2.0/24} {+ group one ingress tcp 22 2001:db8::/64}]"; got != want {
		t.Errorf("changes %s, want %s", got, want)
	}
	expect("IPv6", false)
}
