package lifecycle

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/threads"
)

// TestBusyPoll: loops that look for packets before they sleep sleep less often,
// and decide the same.
func TestBusyPoll(t *testing.T) {
	t.Parallel()
	const trips = 500
	sleeps := func(microseconds int) int {
		lab := labtest.New(t, netlab.Pair())
		client, server := lab.Host("client"), lab.Host("server")
		at := server.Device("eth0").IPv4()
		harness.Echoes(t, server, at, harness.Inward, harness.Inward+1)
		d := harness.Enforce(t, server,
			harness.PolicyWith([]string{harness.Allow("udp", harness.Inward)}, nil)+
				// Packets that the kernel carries wait for no loop.
				fmt.Sprintf("settings: { datapath: userspace, queues: { count: 1, busy_poll: %d } }\n",
					microseconds))
		harness.Run(t, []harness.Attempt{
			harness.Passes(harness.Exchange(t, "permitted", client, "udp", netip.Addr{},
				harness.AddrPort(at, harness.Inward))),
			harness.Drops(harness.Exchange(t, "not permitted", client, "udp", netip.Addr{},
				harness.AddrPort(at, harness.Inward+1))),
		})
		loops, err := threads.In(d.Cmd.Process.Pid, unix.SYS_RECVMMSG)
		if err != nil || len(loops) != 1 {
			t.Fatalf("threads that read queues: %v, %v, want one", loops, err)
		}
		c, err := client.Dial(labtest.Within(t, harness.ArrivalTimeout), "udp",
			harness.AddrPort(at, harness.Inward))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		before := switches(t, d.Cmd.Process.Pid, loops[0])
		for range trips {
			if !harness.Talks(c) {
				t.Fatal("a question or its answer is lost")
			}
		}
		return switches(t, d.Cmd.Process.Pid, loops[0]) - before
	}
	// Each trip is two packets that wait for each other.
	lazy, busy := sleeps(0), sleeps(1000)
	if lazy < trips || busy > lazy/2 {
		t.Errorf("in %d round trips the loop slept %d times, and with a busy poll %d times", trips, lazy,
			busy)
	}
}

// switches is how often a thread gave its CPU away because it had nothing to do.
func switches(t *testing.T, pid, thread int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/status", pid, thread))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\nvoluntary_ctxt_switches:")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
