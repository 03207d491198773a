package operations

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestStatusTellsWhatHappens compares counters with the packets sent, and has a
// managed device become part of a bridge, where nothing can be judged any more.
func TestStatusTellsWhatHappens(t *testing.T) {
	t.Parallel()
	_, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(), harness.GatePolicy())
	var before, after harness.StatusDocument
	d.Document(&before, "status")
	// In and out, IPv4 and IPv6: four datagrams that pass, four that do not.
	g.Expect(t, "enforced", harness.Filtered)
	d.Document(&after, "status")
	if n := after.Packets("accept") - before.Packets("accept"); n != 4 {
		t.Errorf("%d packets accepted, want 4: %+v", n, after.Verdicts)
	}
	if n := after.Packets("drop") - before.Packets("drop"); n != 4 {
		t.Errorf("%d packets dropped, want 4: %+v", n, after.Verdicts)
	}
	q := after.Queues[0]
	if after.State != "running" || after.PID != d.Cmd.Process.Pid || !after.Table.Owner ||
		len(after.Queues) != 1 || q.Accepted != 4 || q.Dropped != 4 {
		t.Errorf("status: %+v", after)
	}
	if len(after.Table.Hooks) != 3 || after.Table.QueueExpression != "xt" &&
		after.Table.QueueExpression != "native" {
		t.Errorf("table: %+v", after.Table)
	}
	if g := after.Groups; len(g) == 0 || !g[0].Attached || g[0].Quota != 60 || g[0].Ingress.IPv4 < 1 ||
		g[0].Ingress.IPv6 < 1 {
		t.Errorf("groups: %+v", g)
	}
	covered := after.Interfaces[0].Covered
	if len(covered) != 1 || covered[0].Name != "eth0" ||
		!strings.Contains(fmt.Sprint(covered[0].Addresses), server.IPv4().String()) {
		t.Errorf("covered: %+v", after.Interfaces)
	}

	becomes := func(state, why string) {
		t.Helper()
		var s harness.StatusDocument
		for deadline := time.Now().Add(harness.ArrivalTimeout); ; time.Sleep(10 * time.Millisecond) {
			if d.Document(&s, "status"); s.State == state && strings.Contains(fmt.Sprint(s.Degraded), why) {
				return
			}
			if time.Now().After(deadline) {
				t.Errorf("status: %+v, want %s: %s", s, state, why)
				return
			}
		}
	}
	h := server.Host().Netlink()
	if err := h.LinkSetMaster(harness.Link(t, server.Host(), "eth0"),
		harness.NewBridge(t, server.Host(), "br0", nil)); err != nil {
		t.Fatal(err)
	}
	becomes("degraded", "eth0 belongs to br0")
	if err := h.LinkSetNoMaster(harness.Link(t, server.Host(), "eth0")); err != nil {
		t.Fatal(err)
	}
	becomes("running", "")
	g.Soon(t, "out of the bridge again", harness.Filtered)
}
