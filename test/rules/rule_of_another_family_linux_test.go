package rules

import (
	"fmt"
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

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
  - { name: one, description: One rule, ingress: [{ protocol: tcp, ports: 22, ` + peer + ` }],
        egress: [] }
interfaces:
  - { device: eth0, security_groups: [one] }
`
	}
	d := harness.Enforce(t, server, policy(`cidr_blocks: [192.0.2.0/24]`))
	expect := func(when string, four bool) {
		harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
			func(t *testing.T, c, s netip.Addr) {
				harness.Echoes(t, server, s, 22)
				harness.Run(t, []harness.Attempt{
					harness.Expect(harness.PassIf(c.Is4() == four),
						harness.Exchange(t, when, client, "tcp", c, harness.AddrPort(s, 22)))})
			})
	}
	expect("IPv4", true)
	d.Write(policy(`ipv6_cidr_blocks: ["2001:db8::/64"]`))
	var reply struct {
		Changes []struct{ Op, Part, What string }
	}
	d.Document(&reply, "reload")
	if got, want := fmt.Sprint(reply.Changes),
		"[{- group one ingress tcp 22 192.0.2.0/24} {+ group one ingress tcp 22 "+
			"2001:db8::/64}]"; got != want {
		t.Errorf("changes %s, want %s", got, want)
	}
	expect("IPv6", false)
}
