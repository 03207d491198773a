package lifecycle

import (
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestEnslavedUnderTraffic makes a managed device a bridge port at run time: its
// packets are the bridge's from then on, so the state is degraded; the other
// devices do not notice.
func TestEnslavedUnderTraffic(t *testing.T) {
	t.Parallel()
	client, server, g := harness.NewPair(t)
	far, near := client.Host(), server.Host()
	d := harness.Enforce(t, near, harness.GateOn([]string{"eth0", "late0"}))
	plug(t, far, near, "late0")
	u := unspecific(t, far, near)
	u.Soon(t, "late0", harness.Filtered)
	g.Expect(t, "eth0", harness.Filtered)
	br := harness.NewBridge(t, near, "br0", nil)
	for range 2 {
		s, began := g.DeniedTraffic(t), time.Now()
		if err := near.Netlink().LinkSetMaster(harness.Link(t, near, "late0"), br); err != nil {
			t.Fatal(err)
		}
		status := d.Becomes(t, "state degraded",
			func(s harness.StatusDocument) bool { return s.State == "degraded" })
		if took := time.Since(began); took > busy {
			t.Errorf("it took %v to notice", took)
		}
		if len(status.Degraded) != 1 || !strings.Contains(status.Degraded[0], "late0 belongs to br0") {
			t.Errorf("degraded: %q", status.Degraded)
		}
		g.Expect(t, "eth0 beside a bridge port", harness.Filtered)
		if err := near.Netlink().LinkSetNoMaster(harness.Link(t, near, "late0")); err != nil {
			t.Fatal(err)
		}
		freed := time.Now()
		v := u.DeniedTraffic(t)
		d.Becomes(t, "state running", func(s harness.StatusDocument) bool { return s.State == "running" })
		u.Soon(t, "late0 freed", harness.Filtered)
		v.DropsAll("late0 freed", freed, forever)
		s.DropsAll("eth0 beside a bridge port", began, forever)
	}
}
