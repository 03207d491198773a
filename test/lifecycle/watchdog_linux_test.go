package lifecycle

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/threads"
)

// TestWatchdog: the service manager's watchdog is fed while every verdict loop
// goes round, busy or idle, and no longer once a single one stands still though
// the rest of the program lives.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	client, server, _ := harness.NewPair(t)
	open, shut := harness.AddrPort(harness.BothAddresses(server)[0], 7001),
		harness.AddrPort(harness.BothAddresses(server)[0], 7002)
	harness.EchoTCP(t, server.Host(), open)
	harness.EchoTCP(t, server.Host(), shut)
	enforced := func(when string) {
		t.Helper()
		if !harness.Connects(t, client.Host(), netip.AddrPort{}, open, harness.ArrivalTimeout) {
			t.Errorf("%s: what a rule permits does not pass", when)
		}
		if harness.Connects(t, client.Host(), netip.AddrPort{}, shut, harness.SilenceTimeout) {
			t.Errorf("%s: what no rule permits passes", when)
		}
	}
	d := harness.Prepare(t, server.Host(),
		harness.PolicyOn("eth0", []string{harness.Allow("tcp", 7001)}, nil, "queues: { count: 2 }"))
	const look = 500 * time.Millisecond
	d.Env = []string{fmt.Sprintf("WATCHDOG_USEC=%d", (4 * look).Microseconds())}
	d.Start()
	enforced("at the start")
	beatsWithin := func(wait time.Duration) bool {
		from := d.Beats.Load()
		for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if d.Beats.Load() > from {
				return true
			}
		}
		return false
	}
	for range 2 {
		if !beatsWithin(harness.ArrivalTimeout) {
			t.Fatal("a daemon whose queues are served does not feed the watchdog")
		}
	}
	// Neither of them may be between two reads just now.
	var loops []int
	for deadline := time.Now().Add(harness.ArrivalTimeout); len(loops) != 2; time.Sleep(
		time.Millisecond) {
		var err error
		if loops, err = threads.In(d.Cmd.Process.Pid, unix.SYS_RECVMMSG); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d threads read queues, want 2", len(loops))
		}
	}
	resume, err := threads.Stop(loops[1])
	if err != nil {
		t.Fatal(err)
	}
	// A beat of what went before may be under way.
	beatsWithin(2 * look)
	if beatsWithin(3 * look) {
		t.Error("one of two loops stands still, and the watchdog is fed")
	}
	if out, code := d.Sgfw("status"); code != 0 || !strings.Contains(out, "degraded") ||
		!strings.Contains(out, "stand still") {
		t.Errorf("status beside a loop that stands still: exit %d\n%s", code, out)
	}
	resume()
	if !beatsWithin(harness.ArrivalTimeout) {
		t.Error("the watchdog is not fed again")
	}
	enforced("when every loop goes round again")
	if out, _ := d.Sgfw("status"); strings.Contains(out, "degraded") {
		t.Errorf("status when every loop goes round again:\n%s", out)
	}
	if log := d.Log.String(); !strings.Contains(log, "stands still") ||
		!strings.Contains(log, "served again") {
		t.Errorf("the log does not tell of it:\n%s", log)
	}
}
