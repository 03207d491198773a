package state

import (
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestSessionSurvivesReloads keeps talking while the policy is loaded again and
// again, and stays silent for longer than the shortest timers' granularity.
func TestSessionSurvivesReloads(t *testing.T) {
	parity.Proves(t, "D5", "T21")
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	opened := harness.PolicyWith(append(harness.AllowPing(), harness.Allow("tcp", harness.Inward),
		harness.Allow("udp", harness.Inward)),
		append(harness.AllowPing(), harness.Allow("tcp", harness.Outward),
			harness.Allow("udp", harness.Outward)))
	d := harness.Enforce(t, server.Host(), opened)
	serveSessions(t, client, server)
	open := openSessions(t, client, server)
	for i := range 10 {
		d.Reload([]string{harness.Closed, opened}[i%2])
		for _, s := range open {
			if !s.Alive() {
				t.Errorf("%s: lost after reload %d", s.What, i)
			}
		}
	}
	d.Reload(harness.Closed)
	time.Sleep(time.Second)
	for _, s := range open {
		if !s.Alive() {
			t.Errorf("%s: lost after a second of silence", s.What)
		}
	}
	harness.Run(t, harness.AllDrop(newFlows(t, client, server)))
}
