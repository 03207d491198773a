package test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestMemberAddressMoves gives an interface another address and takes it away
// again, while a rule of another interface has its group as the peer: flows with the
// address come about while it is a member, and go on when it is not (R27, R31, T15).
// No reload is needed.
func TestMemberAddressMoves(t *testing.T) {
	parity.Proves(t, "R27", "R31", "T15")
	t.Parallel()
	lab := labtest.New(t, netlab.Router())
	client, fw := lab.Host("client").Device("eth0"), lab.Host("fw")
	rules := allow("tcp", inward) + ", " + allow("udp", inward)
	byGroup := strings.ReplaceAll(rules, `cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"]`, `security_groups: [router]`)
	d := enforce(t, fw, `
version: 1
security_groups:
  - { name: client, description: The machine behind eth0, ingress: [`+byGroup+`], egress: [`+byGroup+`] }
  - { name: router, description: This machine as eth1 shows it }
interfaces:
  - { device: eth0, mode: guest, security_groups: [client] }
  - { device: eth1, security_groups: [router] }
`)
	type end struct {
		near, first, second netip.Addr
		prefix              string
	}
	var both []end
	var pumps []*pump
	for i, near := range families(client) {
		prefix := []string{"198.51.100.77/32", "2001:db8:2::77/128"}[i]
		e := end{near, families(fw.Device("eth1"))[i], netip.MustParsePrefix(prefix).Addr(), prefix}
		addAddr(t, fw, "lo", prefix) // where it belongs to no group
		echoes(t, client.Host(), near, inward)
		echoes(t, fw, e.first, inward)
		echoes(t, fw, e.second, inward)
		both = append(both, e)
		pumps = append(pumps, startPump(t, client.Host(), port(e.first, inward), time.Millisecond))
	}
	fresh := func(member bool) {
		t.Helper()
		var list []attempt
		for _, e := range both {
			for _, network := range []string{"tcp", "udp"} {
				list = append(list,
					exchange(t, "from the first address", fw, network, e.first, port(e.near, inward), true),
					exchange(t, "to the first address", client.Host(), network, e.near, port(e.first, inward), true),
					exchange(t, "from the second address", fw, network, e.second, port(e.near, inward), member),
					exchange(t, "to the second address", client.Host(), network, e.near, port(e.second, inward), member))
			}
		}
		run(t, list)
	}
	// becomes waits for what nobody tells.
	becomes := func(member bool) {
		t.Helper()
		for _, e := range both {
			for deadline := time.Now().Add(patience); exchanges(t, fw, "udp", port(e.second, 0), port(e.near, inward), silence/4) != member; {
				if time.Now().After(deadline) {
					t.Fatalf("%s: the address is a member: %t, want %t", e.second, !member, member)
				}
			}
		}
	}
	fresh(false)

	for _, e := range both {
		removeAddr(t, fw, "lo", e.prefix)
		addAddr(t, fw, "eth1", e.prefix)
	}
	becomes(true)
	fresh(true)
	var open []session
	for _, e := range both {
		for _, way := range []struct {
			host     *netlab.Host
			from, to netip.Addr
		}{{fw, e.second, e.near}, {client.Host(), e.near, e.second}} {
			for _, network := range []string{"tcp", "udp"} {
				c, err := way.host.Dial(labtest.Within(t, patience), network, port(way.to, inward), netlab.From(port(way.from, 0)))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				s := sessionOf(network+" to "+way.to.String(), c)
				s.begin(t)
				open = append(open, s)
			}
		}
	}

	for _, e := range both {
		addAddr(t, fw, "lo", e.prefix)
		removeAddr(t, fw, "eth1", e.prefix)
	}
	becomes(false)
	for range 2 {
		for _, s := range open {
			if !s.alive() {
				t.Errorf("%s: it did not outlive the membership", s.what)
			}
		}
	}
	fresh(false)
	// What goes on without a rule is an orphan like any other.
	var ended []attempt
	for _, e := range both {
		d.must(t, 0, "flows", "revoke", "--orphans", "--address", e.second.String())
	}
	for _, s := range open {
		ended = append(ended, attempt{s.what + ", revoked", func(time.Duration) bool { return !s.dead() }, false})
	}
	run(t, ended)
	for _, p := range pumps {
		p.finish()
	}
}
