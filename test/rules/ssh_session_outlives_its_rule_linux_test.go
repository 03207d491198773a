package rules

import (
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestSSHStory is what a document tells of state: SSH from one address, the rule
// goes while the session lives, which goes on; once it has ended, nobody gets in
// any more, from whatever port.
func TestSSHStory(t *testing.T) {
	parity.Proves(t, "row 11")
	t.Parallel()
	lab := labtest.New(t, harness.Neighbours())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	mine := harness.PolicyWith([]string{
		`{ protocol: tcp, ports: 22, cidr_blocks: [192.0.2.11/32], ` +
			`ipv6_cidr_blocks: ["2001:db8::11/128"] }`}, nil)
	d := harness.Enforce(t, server.Host(), mine)
	harness.BothFamilies(t, client, server, func(t *testing.T, near, far netip.Addr) {
		d.Reload(mine)
		me, ssh := harness.Neighbouring(near, 0x11), harness.AddrPort(far, 22)
		harness.EchoTCP(t, server.Host(), ssh)
		from := harness.AddrPort(me, harness.UnusedPort())
		session := harness.DialTCP(t, client.Host(), from, ssh, harness.ArrivalTimeout)
		if session == nil || !harness.Talks(session) {
			t.Fatal("no session from the address that the rule names")
		}
		harness.Run(t, []harness.Attempt{
			harness.Drops(harness.Attempt{What: "from another address", Try: func(w time.Duration) bool {
				return harness.Connects(t, client.Host(), harness.AddrPort(near, 0), ssh, w)
			}})})
		d.Reload(harness.Closed, "--force") // which the guard of SSH sessions asks for
		for range 2 {
			if !harness.Talks(session) {
				t.Error("the session did not outlive its rule")
			}
		}
		login := func(what string, from netip.AddrPort) harness.Attempt {
			return harness.Drops(harness.Attempt{
				What: what, Try: func(w time.Duration) bool {
					return harness.Connects(t, client.Host(), from, ssh, w)
				}})
		}
		harness.Run(t, []harness.Attempt{login("a second session", harness.AddrPort(me, 0))})
		session.Close()
		harness.Run(t, []harness.Attempt{
			login("after the end", harness.AddrPort(me, 0)),
			login("after the end, from the same port", from)})
	})
}
