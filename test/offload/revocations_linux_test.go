package offload

import (
	"net"
	"sync"
	"testing"
	"time"

	"sgfw/test/harness"
)

// TestRevokeIsExact revokes flows that send at full speed, in the moment in which all of them are
// given to the kernel again: nothing of them passes once the command has answered.
func TestRevokeIsExact(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, other, rounds, flows = 7000, 7002, 10, 16
	open, shut := policy(both(p), both(p)), policy(both(other), both(other))
	d := harness.Enforce(t, h.Fw, open)
	w := ways(h)[0]
	harness.NewInbox(t, w.to, harness.AddrPort(w.dst, p))
	watch := newWitness(t, h.Fw)
	watch.counts("asked", askedAt(p)...)
	for round := range rounds {
		var conns []net.Conn
		over, ended := make(chan struct{}), sync.WaitGroup{}
		for range flows {
			conns = append(conns, w.dial(t, "udp", p))
		}
		ended.Go(func() {
			for content := make([]byte, 16); ; {
				for _, c := range conns {
					_, _ = c.Write(content)
				}
				select {
				case <-over:
					return
				default:
				}
			}
		})
		time.Sleep(20 * time.Millisecond) // all of them are there
		d.ReloadNow(shut)                 // what goes on is tracked
		d.Must(t, 0, "flows", "revoke", "--to", harness.AddrPort(w.dst, p).String())
		passed := watch.tallies()["asked"].packets
		time.Sleep(20 * time.Millisecond)
		if n := watch.tallies()["asked"].packets - passed; n > 0 || passed == 0 {
			t.Errorf("round %d: %d datagrams passed after the answer, %d before", round, n, passed)
		}
		close(over)
		ended.Wait()
		for _, c := range conns {
			c.Close()
		}
		d.ReloadNow(open)
	}
}
