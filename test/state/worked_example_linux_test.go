package state

import (
	"fmt"
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestWorkedExample is the example of AWS's documentation: SSH from one address,
// pages for everybody, all ICMP, everything out; then the outbound rule for IPv4
// is removed, and IPv6 stays as it was (T3, T4).
func TestWorkedExample(t *testing.T) {
	for _, c := range []struct {
		what string
		out  string
		web  [2]string // the clause that decides about port 80, by family
	}{
		{"everything out", toEverybody, [2]string{"both-rules", "both-rules"}},
		{"without the rule for IPv4", `{ protocol: "-1", ipv6_cidr_blocks: ["::/0"] }`,
			[2]string{"return-rule", "both-rules"}},
	} {
		t.Run(c.what, func(t *testing.T) { workedExample(t, c.out, c.web) })
	}
}

func workedExample(t *testing.T, out string, clauses [2]string) {
	t.Parallel()
	parity.Proves(t, "T2", "T3", "T4")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	in := []string{
		fmt.Sprintf(`{ protocol: tcp, ports: 22, cidr_blocks: [%s/32], ipv6_cidr_blocks: ["%s/128"] }`,
			client.IPv4(), client.IPv6()),
		harness.Allow("tcp", 80),
		`{ protocol: icmp, from_port: -1, to_port: -1, cidr_blocks: [0.0.0.0/0] }`,
		`{ protocol: icmpv6, from_port: -1, to_port: -1, ipv6_cidr_blocks: ["::/0"] }`,
	}
	d := harness.Enforce(t, server.Host(), harness.PolicyWith(in, []string{out}, asAWS))
	type open struct {
		what    string
		cord    harness.Connection
		ping    netlab.Ping
		tracked bool
	}
	var sessions []open
	for i, far := range harness.BothAddresses(server) {
		near := harness.BothAddresses(client)[i]
		ssh := newCord(t, d, client.Host(), server.Host(), harness.AddrPort(far, 22))
		d.Tracks(t, "tcp", ssh.Callee.LocalAddr(), ssh.Callee.RemoteAddr(), true, "opening-rule")
		web := newCord(t, d, client.Host(), server.Host(), harness.AddrPort(far, 80))
		d.Tracks(t, "tcp", web.Callee.LocalAddr(), web.Callee.RemoteAddr(), clauses[i] != "both-rules",
			clauses[i])
		ping := netlab.Ping{To: far, ID: 0x7001}
		if !harness.PingsWith(t, client.Host(), &ping, harness.ArrivalTimeout) {
			t.Errorf("%s: no reply", far)
		}
		d.Tracks(t, []string{"icmp", "icmpv6"}[i], far, near, true, "protocol")
		sessions = append(sessions,
			open{what: harness.FamilyName(far) + " SSH", cord: ssh, tracked: true},
			open{what: harness.FamilyName(far) + " pages", cord: web, tracked: clauses[i] != "both-rules"},
			open{what: harness.FamilyName(far) + " ping", ping: ping, tracked: true})
	}
	d.Reload(nothing, "--force") // the guard knows SSH by its port
	for _, s := range sessions {
		lives := func() bool {
			if s.ping.To != (netip.Addr{}) {
				return harness.PingsWith(t, client.Host(), &s.ping, harness.ArrivalTimeout)
			}
			return s.cord.Lives()
		}
		switch {
		case s.tracked && !lives():
			t.Errorf("%s: it is tracked and was cut", s.what)
		case !s.tracked && !s.cord.Cut():
			t.Errorf("%s: it is untracked and goes on", s.what)
		}
	}
}
