package test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// asAWS is the setting that leaves flows untracked.
const asAWS = "tracking: aws"

// toEverybody is a rule for all protocols and addresses of both families.
const toEverybody = `{ protocol: "-1", cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`

// nothing allows nothing, so that only tracked flows go on under it.
var nothing = policyWith(nil, nil, asAWS)

// tracks compares what `sgfw flows` says of the tracking of a flow.
func (d *daemon) tracks(t *testing.T, protocol string, local, remote fmt.Stringer, tracked bool, clause string) {
	t.Helper()
	f, ok := d.flow(protocol, local.String(), remote.String())
	if !ok || f.Tracked != tracked || f.Clause != clause {
		t.Errorf("%s %s - %s: listed %t, tracked %t (%s), want %t (%s)", protocol, local, remote, ok, f.Tracked, f.Clause, tracked, clause)
	}
}

// TestWhatIsTracked opens a session under each of many policies and takes all
// rules away: it goes on if it was tracked, and else is cut (T2, T3, T7, T8, T15,
// rows 11, 12 and 13).
func TestWhatIsTracked(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	web := allow("tcp", inward)
	near := fmt.Sprintf(`{ protocol: tcp, ports: %d, cidr_blocks: [%s/32], ipv6_cidr_blocks: ["%s/128"] }`, inward, client.IPv4(), client.IPv6())
	tcpPorts := func(ports string) string {
		return `{ protocol: tcp, ports: ` + ports + `, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`
	}
	halves := fmt.Sprintf(`{ protocol: tcp, ports: %d, cidr_blocks: [0.0.0.0/1, 128.0.0.0/1], ipv6_cidr_blocks: ["::/1", "8000::/1"] }`, inward)
	listed := strings.Replace(policyWith([]string{fmt.Sprintf(`{ protocol: tcp, ports: %d, prefix_lists: [all4, all6] }`, inward)}, []string{toEverybody}, asAWS),
		"version: 1\n", "version: 1\nprefix_lists:\n  - { name: all4, entries: [{ cidr: 0.0.0.0/0 }] }\n  - { name: all6, entries: [{ cidr: \"::/0\" }] }\n", 1)
	grouped := strings.NewReplacer(
		"interfaces:", "  - name: out\n    description: The way back\n    ingress: []\ninterfaces:",
		"security_groups: [state]", "security_groups: [state, out]").Replace(policyWith([]string{web}, nil, asAWS))

	// The clause that decides for IPv4 and for IPv6.
	const none, both, opening, back, setting = "none", "both-rules", "opening-rule", "return-rule", "setting"
	d := enforce(t, server.Host(), nothing)
	for _, c := range []struct {
		what, policy string
		clause       [2]string
		proves       []string
	}{
		{"everybody in, everything out", policyWith([]string{web}, []string{toEverybody}, asAWS), [2]string{both, both}, []string{"T2", "T15"}},
		{"everything in and out", policyWith([]string{toEverybody}, []string{toEverybody}, asAWS), [2]string{both, both}, []string{"T2"}},
		{"all ports of TCP out", policyWith([]string{web}, []string{tcpPorts("0-65535")}, asAWS), [2]string{both, both}, []string{"T2"}},
		{"all ports but one out", policyWith([]string{web}, []string{tcpPorts("1-65535")}, asAWS), [2]string{back, back}, []string{"T2"}},
		{"all ports of UDP out", policyWith([]string{web}, []string{strings.Replace(tcpPorts("0-65535"), "tcp", "udp", 1)}, asAWS), [2]string{back, back}, []string{"T2"}},
		{"only tcp/443 out", policyWith([]string{web}, []string{allow("tcp", 443)}, asAWS), [2]string{back, back}, []string{"row 12", "T2"}},
		{"only IPv4 out", policyWith([]string{web}, []string{`{ protocol: "-1", cidr_blocks: [0.0.0.0/0] }`}, asAWS), [2]string{both, back}, []string{"row 13", "T3", "R20"}},
		{"one address in", policyWith([]string{near}, []string{toEverybody}, asAWS), [2]string{opening, opening}, []string{"row 11", "T15"}},
		{"both groups together", grouped, [2]string{both, both}, []string{"T2", "D6"}},
		{"two halves of the addresses in", policyWith([]string{halves}, []string{toEverybody}, asAWS), [2]string{opening, opening}, []string{"T7"}},
		{"two halves of the ports out", policyWith([]string{web}, []string{tcpPorts("0-1023"), tcpPorts("1024-65535")}, asAWS), [2]string{back, back}, []string{"T7"}},
		{"a prefix list of everybody in", listed, [2]string{opening, opening}, []string{"T7"}},
		{"one address and everybody in", policyWith([]string{near, web}, []string{toEverybody}, asAWS), [2]string{both, both}, []string{"T7"}},
		{"tracking: always", policyWith([]string{web}, []string{toEverybody}, "tracking: always"), [2]string{setting, setting}, []string{"T8"}},
		{"no word about tracking", policyWith([]string{web}, []string{toEverybody}), [2]string{setting, setting}, []string{"T8"}},
	} {
		ok := t.Run(c.what, func(t *testing.T) {
			parity.Proves(t, c.proves...)
			d := *d
			d.t = t
			d.reload(c.policy)
			var cords []cord
			for i, far := range families(server) {
				s := newCord(t, &d, client.Host(), server.Host(), port(far, inward))
				d.tracks(t, "tcp", s.callee.LocalAddr(), s.callee.RemoteAddr(), c.clause[i] != both, c.clause[i])
				cords = append(cords, s)
			}
			d.reload(nothing)
			var attempts []attempt
			for i, far := range families(server) {
				goesOn := func(time.Duration) bool { return cords[i].lives() }
				if c.clause[i] == both {
					goesOn = func(time.Duration) bool { return !cords[i].cut() }
				}
				attempts = append(attempts,
					attempt{"the session over " + family(far), goesOn, c.clause[i] != both},
					attempt{"a new session over " + family(far), func(w time.Duration) bool {
						return connects(t, client.Host(), anywhere, port(far, inward), w)
					}, false})
			}
			run(t, attempts)
		})
		if !ok {
			return
		}
	}
}

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
		{"without the rule for IPv4", `{ protocol: "-1", ipv6_cidr_blocks: ["::/0"] }`, [2]string{"return-rule", "both-rules"}},
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
		fmt.Sprintf(`{ protocol: tcp, ports: 22, cidr_blocks: [%s/32], ipv6_cidr_blocks: ["%s/128"] }`, client.IPv4(), client.IPv6()),
		allow("tcp", 80),
		`{ protocol: icmp, from_port: -1, to_port: -1, cidr_blocks: [0.0.0.0/0] }`,
		`{ protocol: icmpv6, from_port: -1, to_port: -1, ipv6_cidr_blocks: ["::/0"] }`,
	}
	d := enforce(t, server.Host(), policyWith(in, []string{out}, asAWS))
	type open struct {
		what    string
		cord    cord
		ping    netlab.Ping
		tracked bool
	}
	var sessions []open
	for i, far := range families(server) {
		near := families(client)[i]
		ssh := newCord(t, d, client.Host(), server.Host(), port(far, 22))
		d.tracks(t, "tcp", ssh.callee.LocalAddr(), ssh.callee.RemoteAddr(), true, "opening-rule")
		web := newCord(t, d, client.Host(), server.Host(), port(far, 80))
		d.tracks(t, "tcp", web.callee.LocalAddr(), web.callee.RemoteAddr(), clauses[i] != "both-rules", clauses[i])
		ping := netlab.Ping{To: far, ID: 0x7001}
		if !asks(t, client.Host(), &ping, patience) {
			t.Errorf("%s: no reply", far)
		}
		d.tracks(t, []string{"icmp", "icmpv6"}[i], far, near, true, "protocol")
		sessions = append(sessions,
			open{what: family(far) + " SSH", cord: ssh, tracked: true},
			open{what: family(far) + " pages", cord: web, tracked: clauses[i] != "both-rules"},
			open{what: family(far) + " ping", ping: ping, tracked: true})
	}
	d.reload(nothing, "--force") // the guard knows SSH by its port
	for _, s := range sessions {
		lives := func() bool {
			if s.ping.To != (netip.Addr{}) {
				return asks(t, client.Host(), &s.ping, patience)
			}
			return s.cord.lives()
		}
		switch {
		case s.tracked && !lives():
			t.Errorf("%s: it is tracked and was cut", s.what)
		case !s.tracked && !s.cord.cut():
			t.Errorf("%s: it is untracked and goes on", s.what)
		}
	}
}
