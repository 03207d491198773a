package rules

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestNetworkACLExample runs examples/network-acl.yaml: the networks that it blocks reach
// nothing and are not reached, the office alone has SSH, and the server is answered.
func TestNetworkACLExample(t *testing.T) {
	t.Parallel()
	topology := office()
	topology.Links[0].A.Addrs = append(topology.Links[0].A.Addrs,
		netip.MustParsePrefix("203.0.113.200/24"), netip.MustParsePrefix("2001:db8:e::200/64"))
	topology.Links[0].B.Addrs = append(topology.Links[0].B.Addrs,
		netip.MustParsePrefix("2001:db8:e::1/64"))
	lab := labtest.New(t, topology)
	client, server := lab.Host("client"), lab.Host("server")
	// The groups are opened by mistake: the network ACL still knows from where SSH may come.
	harness.Enforce(t, server, strings.NewReplacer("[198.51.100.0/24]", "[0.0.0.0/0]",
		`["2001:db8:c::/48"]`, `["::/0"]`).Replace(harness.Example(t, "network-acl.yaml")))
	const ssh, https, other = 22, 443, 7000
	served := make(map[netip.Addr]bool)
	var attempts []harness.Attempt
	for _, c := range []struct {
		who, client, server string
		ssh, web            bool
	}{
		{"the office", "198.51.100.10", "198.51.100.1", true, true},
		{"the office", "2001:db8:c::10", "2001:db8:c::1", true, true},
		{"anybody", "203.0.113.200", "203.0.113.1", false, true},
		{"anybody", "2001:db8:e::200", "2001:db8:e::1", false, true},
		{"who is blocked", "203.0.113.10", "203.0.113.1", false, false},
		{"who is blocked", "2001:db8:d::10", "2001:db8:d::1", false, false},
	} {
		at, from := harness.IP(c.server), harness.IP(c.client)
		harness.Echoes(t, client, from, other)
		if !served[at] {
			harness.Echoes(t, server, at, ssh, https, other)
		}
		served[at] = true
		try := func(want bool, what, network string, h *netlab.Host, src, dst netip.Addr, port int) {
			attempts = append(attempts, harness.Expect(harness.PassIf(want),
				harness.Exchange(t, what, h, network, src, harness.AddrPort(dst, port))))
		}
		try(c.ssh, "SSH from "+c.who, "tcp", client, from, at, ssh)
		try(c.web, "HTTPS from "+c.who, "tcp", client, from, at, https)
		try(false, "no service, from "+c.who, "tcp", client, from, at, other)
		try(c.web, "to "+c.who, "tcp", server, at, from, other)
		try(c.web, "to "+c.who, "udp", server, at, from, other)
	}
	harness.Run(t, attempts)
}
