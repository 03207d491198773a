package state

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestWhatIsTracked opens a session under each of many policies and takes all
// rules away: it goes on if it was tracked, and else is cut (T2, T3, T7, T8, T15,
// rows 11, 12 and 13).
func TestWhatIsTracked(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	web := harness.Allow("tcp", harness.Inward)
	near := fmt.Sprintf(
		`{ protocol: tcp, ports: %d, cidr_blocks: [%s/32], ipv6_cidr_blocks: ["%s/128"] }`,
		harness.Inward, client.IPv4(), client.IPv6())
	tcpPorts := func(ports string) string {
		return `{ protocol: tcp, ports: ` + ports +
			`, cidr_blocks: [0.0.0.0/0], ipv6_cidr_blocks: ["::/0"] }`
	}
	halves := fmt.Sprintf(
		`{ protocol: tcp, ports: %d, cidr_blocks: [0.0.0.0/1, 128.0.0.0/1], ipv6_cidr_blocks: ["::/1", `+
			`"8000::/1"] }`, harness.Inward)
	listed := strings.Replace(harness.PolicyWith(
		[]string{fmt.Sprintf(`{ protocol: tcp, ports: %d, prefix_lists: [all4, all6] }`, harness.Inward)},
		[]string{toEverybody}, asAWS),
		"version: 1\n", "version: 1\nprefix_lists:\n  - { name: all4, entries: [{ cidr: 0.0.0.0/0 }] "+
			"}\n  - { name: all6, entries: [{ cidr: \"::/0\" }] }\n", 1)
	grouped := strings.NewReplacer(
		"interfaces:", "  - name: out\n    description: The way back\n    ingress: []\ninterfaces:",
		"security_groups: [state]", "security_groups: [state, out]").Replace(
		harness.PolicyWith([]string{web}, nil, asAWS))

	// The clause that decides for IPv4 and for IPv6.
	const none, both, opening, back, setting = "none", "both-rules", "opening-rule", "return-rule",
		"setting"
	d := harness.Enforce(t, server.Host(), nothing)
	for _, c := range []struct {
		what, policy string
		clause       [2]string
		proves       []string
	}{
		{"everybody in, everything out", harness.PolicyWith([]string{web}, []string{toEverybody}, asAWS),
			[2]string{both, both}, []string{"T2", "T15"}},
		{"everything in and out", harness.PolicyWith([]string{toEverybody}, []string{toEverybody}, asAWS),
			[2]string{both, both}, []string{"T2"}},
		{"all ports of TCP out", harness.PolicyWith([]string{web}, []string{tcpPorts("0-65535")}, asAWS),
			[2]string{both, both}, []string{"T2"}},
		{"all ports but one out", harness.PolicyWith([]string{web}, []string{tcpPorts("1-65535")}, asAWS),
			[2]string{back, back}, []string{"T2"}},
		{"all ports of UDP out", harness.PolicyWith([]string{web},
			[]string{strings.Replace(tcpPorts("0-65535"), "tcp", "udp", 1)}, asAWS), [2]string{back, back},
			[]string{"T2"}},
		{"only tcp/443 out", harness.PolicyWith([]string{web}, []string{harness.Allow("tcp", 443)},
			asAWS), [2]string{back, back}, []string{"row 12", "T2"}},
		{"only IPv4 out", harness.PolicyWith([]string{web},
			[]string{`{ protocol: "-1", cidr_blocks: [0.0.0.0/0] }`}, asAWS), [2]string{both, back},
			[]string{"row 13", "T3", "R20"}},
		{"one address in", harness.PolicyWith([]string{near}, []string{toEverybody}, asAWS),
			[2]string{opening, opening}, []string{"row 11", "T15"}},
		{"both groups together", grouped, [2]string{both, both}, []string{"T2", "D6"}},
		{"two halves of the addresses in",
			harness.PolicyWith([]string{halves}, []string{toEverybody}, asAWS), [2]string{opening, opening},
			[]string{"T7"}},
		{"two halves of the ports out",
			harness.PolicyWith([]string{web}, []string{tcpPorts("0-1023"), tcpPorts("1024-65535")}, asAWS),
			[2]string{back, back}, []string{"T7"}},
		{"a prefix list of everybody in", listed, [2]string{opening, opening}, []string{"T7"}},
		{"one address and everybody in",
			harness.PolicyWith([]string{near, web}, []string{toEverybody}, asAWS), [2]string{both, both},
			[]string{"T7"}},
		{"tracking: always", harness.PolicyWith([]string{web}, []string{toEverybody}, "tracking: always"),
			[2]string{setting, setting}, []string{"T8"}},
		{"preset: aws", harness.PolicyWith([]string{web}, []string{toEverybody}, "preset: aws"),
			[2]string{both, both}, []string{"T8"}},
		{"preset: aws and tracking: always", harness.PolicyWith([]string{web}, []string{toEverybody},
			"preset: aws", "tracking: always"), [2]string{setting, setting}, []string{"T8"}},
		{"no word about tracking", harness.PolicyWith([]string{web}, []string{toEverybody}),
			[2]string{setting, setting}, []string{"T8"}},
	} {
		ok := t.Run(c.what, func(t *testing.T) {
			parity.Proves(t, c.proves...)
			d := *d
			d.T = t
			d.Reload(c.policy)
			var cords []harness.Connection
			for i, far := range harness.BothAddresses(server) {
				s := newCord(t, &d, client.Host(), server.Host(), harness.AddrPort(far, harness.Inward))
				d.Tracks(t, "tcp", s.Callee.LocalAddr(), s.Callee.RemoteAddr(), c.clause[i] != both,
					c.clause[i])
				cords = append(cords, s)
			}
			d.Reload(nothing)
			var attempts []harness.Attempt
			for i, far := range harness.BothAddresses(server) {
				goesOn := func(time.Duration) bool { return cords[i].Lives() }
				if c.clause[i] == both {
					goesOn = func(time.Duration) bool { return !cords[i].Cut() }
				}
				attempts = append(attempts,
					harness.Expect(harness.PassIf(c.clause[i] != both),
						harness.Attempt{What: "the session over " + harness.FamilyName(far), Try: goesOn}),
					harness.Drops(harness.Attempt{
						What: "a new session over " + harness.FamilyName(far), Try: func(w time.Duration) bool {
							return harness.Connects(t, client.Host(), harness.Anywhere,
								harness.AddrPort(far, harness.Inward), w)
						}}))
			}
			harness.Run(t, attempts)
		})
		if !ok {
			return
		}
	}
}
