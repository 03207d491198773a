package state

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"sgfw/test/harness"
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
	d := harness.Enforce(t, server,
		harness.PolicyWith([]string{harness.Allow("udp", harness.Inward)},
			[]string{harness.Allow("udp", harness.Outward)})+
			"settings: { queues: { count: 2, balance: "+balance+" } }\n")
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, from, to netip.Addr) {
			const rounds, packets = 20, 8
			in, shut := harness.NewInbox(t, server, harness.AddrPort(to, harness.Inward)),
				harness.NewInbox(t, server, harness.AddrPort(to, harness.Inward+1))
			for round := range rounds {
				out := harness.NewInbox(t, client, harness.AddrPort(from, 20000+round))
				var (
					mu   sync.Mutex
					sent [][]byte
					lost [][]byte
					wg   sync.WaitGroup
				)
				for range packets {
					wg.Go(func() {
						refused := out.Send(t, harness.AddrPort(to, harness.Inward+1))
						allowed := out.Send(t, harness.AddrPort(to, harness.Inward))
						mu.Lock()
						defer mu.Unlock()
						sent, lost = append(sent, allowed), append(lost, refused)
					})
				}
				wg.Wait()
				for _, b := range sent {
					if _, ok := in.Receives(b, harness.ArrivalTimeout); !ok {
						t.Fatalf("round %d: one of %d first packets of a flow did not arrive", round, packets)
					}
				}
				for _, b := range lost {
					if _, ok := shut.Has(b); ok {
						t.Errorf("round %d: a packet to a closed port arrived", round)
					}
				}
				inside, outside := fmt.Sprint(harness.AddrPort(to, harness.Inward)),
					fmt.Sprint(harness.AddrPort(from, 20000+round))
				if n := d.FlowsBetween(t, "udp", inside, outside); n != 1 {
					t.Errorf("round %d: %d flows", round, n)
				}
			}

			// Both ends begin: the same two sockets, each side's rules permit it.
			for round := range rounds {
				ours, theirs := harness.AddrPort(to, 30000+round), harness.AddrPort(from, harness.Outward)
				near, far := harness.NewInbox(t, server, ours), harness.NewInbox(t, client, theirs)
				var wg sync.WaitGroup
				var a, b []byte
				wg.Go(func() { a = near.Send(t, theirs) })
				wg.Go(func() { b = far.Send(t, ours) })
				wg.Wait()
				if _, ok := far.Receives(a, harness.ArrivalTimeout); !ok {
					t.Errorf("round %d: the packet out did not arrive", round)
				}
				// The packet in passes if it came second: only then it is an answer.
				// Sent again it is one for sure.
				if _, ok := near.Has(b); !ok {
					if _, ok := near.Receives(far.Send(t, ours), harness.ArrivalTimeout); !ok {
						t.Errorf("round %d: the answer did not arrive", round)
					}
				}
				if n := d.FlowsBetween(t, "udp", fmt.Sprint(ours), fmt.Sprint(theirs)); n != 1 {
					t.Errorf("round %d: both ends began and made %d flows", round, n)
				}
				near.Conn.Close()
				far.Conn.Close()
			}
		})
}
