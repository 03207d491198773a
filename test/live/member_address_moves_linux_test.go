package live

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
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
	rules := harness.Allow("tcp", harness.Inward) + ", " + harness.Allow("udp", harness.Inward)
	byGroup := strings.ReplaceAll(rules, `cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"]`,
		`security_groups: [router]`)
	d := harness.Enforce(t, fw, `
version: 1
security_groups:
  - { name: client, description: The machine behind eth0, ingress: [`+byGroup+`],
        egress: [`+byGroup+`] }
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
	var pumps []*harness.EchoExchange
	for i, near := range harness.BothAddresses(client) {
		prefix := []string{"198.51.100.77/32", "2001:db8:2::77/128"}[i]
		e := end{near, harness.BothAddresses(fw.Device("eth1"))[i], netip.MustParsePrefix(prefix).Addr(),
			prefix}
		harness.AddAddr(t, fw, "lo", prefix) // where it belongs to no group
		harness.Echoes(t, client.Host(), near, harness.Inward)
		harness.Echoes(t, fw, e.first, harness.Inward)
		harness.Echoes(t, fw, e.second, harness.Inward)
		both = append(both, e)
		pumps = append(pumps, harness.StartEchoExchange(t, client.Host(),
			harness.AddrPort(e.first, harness.Inward), time.Millisecond))
	}
	fresh := func(member bool) {
		t.Helper()
		var list []harness.Attempt
		for _, e := range both {
			for _, network := range []string{"tcp", "udp"} {
				list = append(list,
					harness.Passes(harness.Exchange(t, "from the first address", fw, network, e.first,
						harness.AddrPort(e.near, harness.Inward))),
					harness.Passes(harness.Exchange(t, "to the first address", client.Host(), network, e.near,
						harness.AddrPort(e.first, harness.Inward))),
					harness.Expect(harness.PassIf(member),
						harness.Exchange(t, "from the second address", fw, network, e.second,
							harness.AddrPort(e.near, harness.Inward))),
					harness.Expect(harness.PassIf(member),
						harness.Exchange(t, "to the second address", client.Host(), network, e.near,
							harness.AddrPort(e.second, harness.Inward))))
			}
		}
		harness.Run(t, list)
	}
	// becomes waits for what nobody tells.
	becomes := func(member bool) {
		t.Helper()
		for _, e := range both {
			for deadline := time.Now().Add(harness.ArrivalTimeout); harness.Exchanges(t, fw, "udp",
				harness.AddrPort(e.second, 0), harness.AddrPort(e.near, harness.Inward),
				harness.SilenceTimeout/4) != member; {
				if time.Now().After(deadline) {
					t.Fatalf("%s: the address is a member: %t, want %t", e.second, !member, member)
				}
			}
		}
	}
	fresh(false)

	for _, e := range both {
		harness.RemoveAddr(t, fw, "lo", e.prefix)
		harness.AddAddr(t, fw, "eth1", e.prefix)
	}
	becomes(true)
	fresh(true)
	var open []harness.Session
	for _, e := range both {
		for _, way := range []struct {
			host     *netlab.Host
			from, to netip.Addr
		}{{fw, e.second, e.near}, {client.Host(), e.near, e.second}} {
			for _, network := range []string{"tcp", "udp"} {
				c, err := way.host.Dial(labtest.Within(t, harness.ArrivalTimeout), network,
					harness.AddrPort(way.to, harness.Inward), netlab.From(harness.AddrPort(way.from, 0)))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				s := harness.SessionOf(network+" to "+way.to.String(), c)
				s.Begin(t)
				open = append(open, s)
			}
		}
	}

	for _, e := range both {
		harness.AddAddr(t, fw, "lo", e.prefix)
		harness.RemoveAddr(t, fw, "eth1", e.prefix)
	}
	becomes(false)
	for range 2 {
		for _, s := range open {
			if !s.Alive() {
				t.Errorf("%s: it did not outlive the membership", s.What)
			}
		}
	}
	fresh(false)
	// What goes on without a rule is an orphan like any other.
	var ended []harness.Attempt
	for _, e := range both {
		d.Must(t, 0, "flows", "revoke", "--orphans", "--address", e.second.String())
	}
	for _, s := range open {
		ended = append(ended, harness.Drops(
			harness.Attempt{What: s.What + ", revoked", Try: func(time.Duration) bool { return !s.Dead() }}))
	}
	harness.Run(t, ended)
	for _, p := range pumps {
		p.Finish()
	}
}
