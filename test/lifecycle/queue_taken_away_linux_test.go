package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestQueueTakenAway unbinds the daemon's queues under it, and has another program
// take one that lets everything pass.
func TestQueueTakenAway(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"batch", "go-nfqueue"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			queueTakenAway(t, driver)
		})
	}
}

func queueTakenAway(t *testing.T, driver string) {
	_, server, g := harness.NewPair(t)
	d := harness.Enforce(t, server.Host(),
		strings.Replace(harness.GatePolicy("queue_driver: "+driver), "count: 1", "base: 4310, count: 2",
			1))
	g.Expect(t, "enforced", harness.Filtered)

	s, began := g.DeniedTraffic(t), time.Now()
	soonest := busy
	for range 2 {
		for _, queue := range []uint16{4310, 4311} {
			before := d.QueuePort(t, queue)
			if before == 0 {
				t.Fatalf("the daemon has no queue %d", queue)
			}
			unbound := time.Now()
			d.Unbind(t, queue)
			for ; ; time.Sleep(5 * time.Millisecond) {
				if now := d.QueuePort(t, queue); now != 0 && now != before {
					soonest = min(soonest, time.Since(unbound))
					break
				}
				if time.Since(unbound) > busy {
					t.Fatalf("queue %d was not bound again within %v", queue, busy)
				}
			}
		}
		g.Soon(t, "bound again", harness.Filtered)
	}
	if soonest > noticed {
		t.Errorf("no queue was bound again within %v: it took at least %v", noticed, soonest)
	}
	s.DropsAll("unbound", began, forever)
	status := d.Status()
	if status.State != "running" || status.Queues[0].Lost != 2 || status.Queues[1].Lost != 2 ||
		len(status.Interference) == 0 {
		t.Errorf("status: %+v", status)
	}

	s, began = g.DeniedTraffic(t), time.Now()
	release := d.Steal(t, 4311)
	status = d.Becomes(t, "the thief to be noticed",
		func(s harness.StatusDocument) bool { return s.State == "degraded" })
	closed := time.Now()
	if said := strings.Join(status.Degraded, "\n"); !strings.Contains(said, "4311") ||
		!strings.Contains(said, fmt.Sprint("PID ", pid)) {
		t.Errorf("it does not name queue 4311 and PID %d: %q", pid, said)
	}
	g.Expect(t, "stolen", harness.Shut)
	if out, code := d.Sgfw("reload"); code != 0 {
		t.Errorf("reload: exit %d\n%s", code, out)
	}
	g.Expect(t, "stolen, reloaded", harness.Shut)
	s.WaitForMore()
	s.ClosesWithin("stolen", began, closed, busy)
	s.DropsAll("stolen", closed, forever)
	s, began = g.DeniedTraffic(t), time.Now()
	release()
	d.Becomes(t, "the queue to be bound",
		func(s harness.StatusDocument) bool { return s.State == "running" })
	g.Soon(t, "given back", harness.Filtered)
	s.DropsAll("given back", began, forever)
	if !mentions(d.Log.String(), "cannot be bound", fmt.Sprint(pid)) {
		t.Errorf("the log does not name PID %d", pid)
	}
	d.Stop()
	if got := harness.Queues(t, server.Host()); len(got) != 0 ||
		ours(harness.Ruleset(t, server.Host())) {
		t.Errorf("left behind: queues %v", got)
	}
}
