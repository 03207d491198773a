package operations

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestRulesAreListedOneByOne: a block with several peers is as many rules, each
// with its own count, which name their block (R8); what has no ports lists none,
// and a protocol goes by its name (R9, R10).
func TestRulesAreListedOneByOne(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "R8", "R9", "R10")
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client"), lab.Host("server")
	d := harness.Enforce(t, server, harness.PolicyWith([]string{
		`{ protocol: 6, ports: 443, cidr_blocks: [192.0.2.11/32, 192.0.2.12/32], ` +
			`ipv6_cidr_blocks: ["2001:db8::11/128"] }`,
		`{ protocol: 50, ports: 1-2, cidr_blocks: [192.0.2.10/32] }`,
		`{ protocol: -1, from_port: 80, to_port: 80, cidr_blocks: [192.0.2.21/32] }`,
	}, nil))
	for _, e := range harness.AddressPairs(client.Device("eth0"), server.Device("eth0")) {
		from, s := e[0], e[1]
		harness.Echoes(t, server, s, 443, 80)
		harness.Run(t, []harness.Attempt{
			harness.Passes(harness.Exchange(t, "the first peer of its family", client, "tcp",
				harness.Neighbouring(from, 0x11), harness.AddrPort(s, 443))),
			harness.Expect(harness.PassIf(s.Is4()),
				harness.Exchange(t, "the second", client, "tcp", harness.Neighbouring(from, 0x12),
					harness.AddrPort(s, 443))),
			harness.Drops(harness.Exchange(t, "a peer of another rule", client, "tcp",
				harness.Neighbouring(from, 0x10), harness.AddrPort(s, 443))),
			harness.Expect(harness.PassIf(s.Is4()),
				harness.Exchange(t, "every protocol", client, "tcp", harness.Neighbouring(from, 0x21),
					harness.AddrPort(s, 80))),
			harness.Drops(harness.Exchange(t, "nobody", client, "tcp", from, harness.AddrPort(s, 443))),
		})
	}
	var doc struct {
		Rules []struct {
			Index                 int
			Protocol, Ports, Peer string
			Hits                  uint64
		}
	}
	d.Document(&doc, "rules")
	var got []string
	for _, r := range doc.Rules {
		got = append(got, fmt.Sprintf("%d: %s %q %s, hit %t", r.Index, r.Protocol, r.Ports, r.Peer,
			r.Hits > 0))
	}
	slices.Sort(got)
	want := []string{
		`0: tcp "443" 192.0.2.11/32, hit true`,
		`0: tcp "443" 192.0.2.12/32, hit true`,
		`0: tcp "443" 2001:db8::11/128, hit true`,
		`1: 50 "" 192.0.2.10/32, hit false`,
		`2: all "" 192.0.2.21/32, hit true`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}
