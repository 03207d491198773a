package test

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/threads"
)

// TestParallelFirstPackets: several first packets of one flow, sent at once on
// several CPUs and so by way of several queues, are all delivered and make one
// flow; and when both ends begin at once, that is one flow, too. A port that no
// rule names stays closed however many packets try.
func TestParallelFirstPackets(t *testing.T) {
	for _, balance := range []string{"cpu", "hash", "pinned"} {
		t.Run(balance, func(t *testing.T) { parallelFirstPackets(t, balance) })
	}
}

func parallelFirstPackets(t *testing.T, balance string) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	d := enforce(t, server, policyWith([]string{allow("udp", inward)}, []string{allow("udp", outward)})+
		"settings: { queues: { count: 2, balance: "+balance+" } }\n")
	both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, from, to netip.Addr) {
		const rounds, packets = 20, 8
		in, shut := newInbox(t, server, port(to, inward)), newInbox(t, server, port(to, inward+1))
		for round := range rounds {
			out := newInbox(t, client, port(from, 20000+round))
			var (
				mu   sync.Mutex
				sent [][]byte
				lost [][]byte
				wg   sync.WaitGroup
			)
			for range packets {
				wg.Go(func() {
					refused := out.send(t, port(to, inward+1))
					allowed := out.send(t, port(to, inward))
					mu.Lock()
					defer mu.Unlock()
					sent, lost = append(sent, allowed), append(lost, refused)
				})
			}
			wg.Wait()
			for _, b := range sent {
				if _, ok := in.receives(b, patience); !ok {
					t.Fatalf("round %d: one of %d first packets of a flow did not arrive", round, packets)
				}
			}
			for _, b := range lost {
				if _, ok := shut.has(b); ok {
					t.Errorf("round %d: a packet to a closed port arrived", round)
				}
			}
			inside, outside := fmt.Sprint(port(to, inward)), fmt.Sprint(port(from, 20000+round))
			if n := d.flowsBetween(t, "udp", inside, outside); n != 1 {
				t.Errorf("round %d: %d flows", round, n)
			}
		}

		// Both ends begin: the same two sockets, each side's rules permit it.
		for round := range rounds {
			ours, theirs := port(to, 30000+round), port(from, outward)
			near, far := newInbox(t, server, ours), newInbox(t, client, theirs)
			var wg sync.WaitGroup
			var a, b []byte
			wg.Go(func() { a = near.send(t, theirs) })
			wg.Go(func() { b = far.send(t, ours) })
			wg.Wait()
			if _, ok := far.receives(a, patience); !ok {
				t.Errorf("round %d: the packet out did not arrive", round)
			}
			// The packet in passes if it came second: only then it is an answer.
			// Sent again it is one for sure.
			if _, ok := near.has(b); !ok {
				if _, ok := near.receives(far.send(t, ours), patience); !ok {
					t.Errorf("round %d: the answer did not arrive", round)
				}
			}
			if n := d.flowsBetween(t, "udp", fmt.Sprint(ours), fmt.Sprint(theirs)); n != 1 {
				t.Errorf("round %d: both ends began and made %d flows", round, n)
			}
			near.conn.Close()
			far.conn.Close()
		}
	})
}

// TestBusyPoll: loops that look for packets before they sleep sleep less often,
// and decide the same.
func TestBusyPoll(t *testing.T) {
	t.Parallel()
	const trips = 500
	sleeps := func(microseconds int) int {
		lab := labtest.New(t, netlab.Pair())
		client, server := lab.Host("client"), lab.Host("server")
		at := server.Device("eth0").IPv4()
		echoes(t, server, at, inward, inward+1)
		d := enforce(t, server, policyWith([]string{allow("udp", inward)}, nil)+
			fmt.Sprintf("settings: { queues: { count: 1, busy_poll: %d } }\n", microseconds))
		run(t, []attempt{
			exchange(t, "permitted", client, "udp", netip.Addr{}, port(at, inward), true),
			exchange(t, "not permitted", client, "udp", netip.Addr{}, port(at, inward+1), false),
		})
		loops, err := threads.In(d.cmd.Process.Pid, unix.SYS_RECVMMSG)
		if err != nil || len(loops) != 1 {
			t.Fatalf("threads that read queues: %v, %v, want one", loops, err)
		}
		c, err := client.Dial(labtest.Within(t, patience), "udp", port(at, inward))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		before := switches(t, d.cmd.Process.Pid, loops[0])
		for range trips {
			if !talks(c) {
				t.Fatal("a question or its answer is lost")
			}
		}
		return switches(t, d.cmd.Process.Pid, loops[0]) - before
	}
	// Each trip is two packets that wait for each other.
	lazy, busy := sleeps(0), sleeps(1000)
	if lazy < trips || busy > lazy/2 {
		t.Errorf("in %d round trips the loop slept %d times, and with a busy poll %d times", trips, lazy, busy)
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

// flowsBetween counts the live flows of a protocol between two endpoints.
func (d *daemon) flowsBetween(t *testing.T, protocol, local, remote string) (n int) {
	t.Helper()
	for _, f := range d.flows() {
		if f.Protocol == protocol && f.Local == local && f.Remote == remote {
			n++
		}
	}
	return n
}
