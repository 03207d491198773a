package live

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

// TestSharedGroup edits a group that two interfaces have: from the answer on the
// edit holds for both, sessions go on at both, and those of one address are cut
// where that is asked for.
func TestSharedGroup(t *testing.T) {
	parity.Proves(t, "W11")
	t.Parallel()
	lab := labtest.New(t, netlab.Router())
	fw := lab.Host("fw")
	const before, after = harness.Inward, harness.Inward + 1
	policy := func(p int) string {
		return strings.Replace(harness.PolicyWith([]string{harness.Allow("tcp", p)}, nil), "interfaces:",
			"interfaces:\n  - { device: eth1, security_groups: [state] }", 1)
	}
	d := harness.Enforce(t, fw, policy(before))
	for i := range 2 {
		d.Reload(policy(before))
		var sessions []harness.Connection
		var open, edited []harness.Attempt
		for _, side := range []struct{ host, device string }{{"client", "eth0"}, {"server", "eth1"}} {
			h, to := lab.Host(side.host), harness.BothAddresses(fw.Device(side.device))[i]
			harness.Accepting(t, fw, harness.AddrPort(to, after))
			sessions = append(sessions, harness.Connect(t, d, h, harness.AddrPort(to, before),
				harness.Accepting(t, fw, harness.AddrPort(to, before))))
			try := func(p int) harness.Attempt {
				return harness.Attempt{What: fmt.Sprintf("%s to %s:%d", side.host, to, p),
					Try: func(w time.Duration) bool { return reaches(t, h, harness.AddrPort(to, p), w) }}
			}
			open = append(open, harness.Passes(try(before)), harness.Drops(try(after)))
			edited = append(edited, harness.Drops(try(before)), harness.Passes(try(after)))
		}
		harness.Run(t, open)
		d.Reload(policy(after))
		harness.Run(t, edited)
		for _, s := range sessions {
			if !s.Lives() {
				t.Error("a session was cut by the edit")
			}
		}
		infected := harness.BothAddresses(lab.Host("client").Device("eth0"))[i]
		d.Must(t, 0, "flows", "revoke", "--address", infected.String())
		if !sessions[0].Cut() {
			t.Error("the infected machine's session goes on")
		}
		if !sessions[1].Lives() {
			t.Error("another machine's session was cut")
		}
	}
}
