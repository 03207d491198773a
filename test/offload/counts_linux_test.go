package offload

import (
	"net"
	"testing"
	"time"

	"sgfw/test/harness"
)

// burst sends datagrams of one size as fast as it can.
func burst(t testing.TB, c net.Conn, n int) {
	t.Helper()
	content := make([]byte, 64)
	for range n {
		if _, err := c.Write(content); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCountsAtTheEndOfAnElement has flows rest until the kernel is about to forget them and sends
// a burst then: the counters have each of its packets.
func TestCountsAtTheEndOfAnElement(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const first, flows, sent = 7000, 12, 500
	ports := make([]int, flows)
	for i := range ports {
		ports[i] = first + i
	}
	d := harness.Enforce(t, h.Fw, policy(both(ports...), both(ports...)))
	w := ways(h)[0]
	watch := newWitness(t, h.Fw)
	conns := make([]net.Conn, flows)
	names := make([]string, flows)
	for i, p := range ports {
		names[i] = harness.AddrPort(w.dst, p).String()
		harness.NewInbox(t, w.to, harness.AddrPort(w.dst, p))
		watch.counts(names[i], askedAt(p)...)
		conns[i] = w.dial(t, "udp", p)
	}
	begun := time.Now()
	for _, c := range conns {
		burst(t, c, 1)
	}
	// New flows are carried for five seconds.
	for i, c := range conns {
		time.Sleep(time.Until(begun.Add(2*time.Second + time.Duration(i)*250*time.Millisecond)))
		burst(t, c, sent)
	}
	time.Sleep(6 * time.Second)
	seen := watch.tallies()
	for i, c := range conns {
		f := w.listed(t, d, "udp", c)
		has := tally{f.Packets.Ingress, f.Bytes.Ingress}
		if want := seen[names[i]]; want.packets != sent+1 || !has.near(want) {
			t.Errorf("flow %d: the flow has %d, the witness %d", i, has, want)
		}
	}
}

// TestCountsOverReloads sends at full speed while reloads take all flows back from the kernel:
// the counters have each packet.
func TestCountsOverReloads(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, reloads = 7000, 30
	text := policy(both(p), both(p))
	d := harness.Enforce(t, h.Fw, text)
	servers(t, h, p)
	w := ways(h)[0]
	watch := newWitness(t, h.Fw)
	watch.counts("asked", askedAt(p)...)
	watch.counts("answers", answersOf(p)...)
	c := w.dial(t, "udp", p)
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for content := make([]byte, 64); ; {
			select {
			case <-over:
				return
			default:
				_, _ = c.Write(content)
			}
		}
	}()
	for range reloads {
		d.ReloadNow(text)
	}
	close(over)
	<-ended
	time.Sleep(time.Second)
	agrees(t, w, w.listed(t, d, "udp", c), watch.tallies())
}
