package lifecycle

import (
	"fmt"
	"strings"
	"testing"

	"sgfw/test/harness"
)

// TestModeChanges: reloads that turn a device from host to guest and back, and
// from its name to a pattern, leave no moment in which it is open, and the
// policy of each holds from its answer on.
func TestModeChanges(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	host := harness.GatePolicy()
	// The same lanes with the other machine as the guest: what the gate calls in
	// is the guest's egress.
	guest := harness.AsGuest(harness.PolicyOn("eth0", []string{harness.Allow("udp", harness.GateOut)},
		[]string{harness.Allow("udp", harness.GateIn), harness.Allow("udp", harness.GateEcho)},
		"queues: { count: 1 }"), harness.BothAddresses(client)...)
	pattern := strings.Replace(guest, "device: eth0", `device: "eth*"`, 1)
	d := harness.Enforce(t, server.Host(), host)
	lift := g.KeepTrying(t)
	for range 3 {
		for i, policy := range []string{guest, pattern, host, pattern, host, guest} {
			d.Reload(policy)
			g.Expect(t, fmt.Sprint("reload ", i), harness.Filtered)
		}
	}
	lift()
}
