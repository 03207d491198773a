package test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
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
