package state

import (
	"net/netip"
	"strings"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestSSHOfTheSampleIsCut takes the rule for SSH out of a web server's group that
// has 22, 80 and 443 open for everybody: under AWS's tracking the live session is
// cut, with those of the other ports going on.
func TestSSHOfTheSampleIsCut(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "W5", "T15")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	sample := []string{harness.Allow("tcp", 80), harness.Allow("tcp", 443), harness.Allow("tcp", 22)}
	d := harness.Enforce(t, server.Host(), harness.PolicyWith(sample, []string{toEverybody}, asAWS))
	harness.BothFamilies(t, client, server, func(t *testing.T, _, far netip.Addr) {
		d.Reload(harness.PolicyWith(sample, []string{toEverybody}, asAWS))
		sessions := make(map[int]harness.Connection)
		for _, p := range []int{22, 80, 443} {
			sessions[p] = newCord(t, d, client.Host(), server.Host(), harness.AddrPort(far, p))
			d.Tracks(t, "tcp", sessions[p].Callee.LocalAddr(), sessions[p].Callee.RemoteAddr(), false,
				"both-rules")
		}
		d.Write(harness.PolicyWith(sample[:2], []string{toEverybody}, asAWS))
		// The guard, which knows a session of SSH by its port, is not for this.
		d.Must(t, 5, "reload")
		out, found := d.Must(t, 0, "reload", "--force"), false
		for line := range strings.Lines(out) {
			if !strings.Contains(line, "(removed, cut)") {
				continue
			}
			// What is left of the other family's session may be among them.
			found = found || strings.Contains(line, sessions[22].Callee.RemoteAddr().String())
			if !strings.Contains(line, sessions[22].Callee.LocalAddr().String()) &&
				!strings.Contains(line, ":22 ") {
				t.Errorf("not a session of SSH is cut: %s", line)
			}
		}
		if !found || !strings.Contains(out, "every live flow has a rule") {
			t.Errorf("the reload says\n%s", out)
		}
		if harness.Delivers(sessions[22].Caller, sessions[22].Callee, 2*harness.SilenceTimeout) {
			t.Error("the session of SSH goes on")
		}
		for _, p := range []int{80, 443} {
			if !sessions[p].Lives() {
				t.Errorf("the session to port %d was cut", p)
			}
		}
	})
}
