package offload

import (
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sgfw/test/harness"
	"sgfw/test/netlab"
)

// TestReusedPorts opens a connection again and again between the same ports, each after an
// orderly end, and one after a reset by the protected side: each is a new flow, and the ends
// are seen. A reset that comes in may be forged: the flow is reset and goes on.
func TestReusedPorts(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p = 7000
	d := harness.Enforce(t, h.Fw, policy(both(p), both(p)))
	servers(t, h, p)
	for _, w := range ways(h) {
		from := harness.AddrPort(w.src, harness.UnusedPort())
		ends := []string{"FIN", "FIN", "RST", "RST"}
		if w.inward {
			ends = ends[:3]
		}
		for _, end := range ends {
			c := w.dial(t, "tcp", p, netlab.From(from),
				netlab.Sockopt(unix.IPPROTO_TCP, unix.TCP_LINGER2, -1))
			content := random(256 << 10)
			if err := echoed(c, content); err != nil {
				t.Fatalf("%s, before a %s: %v", w.name, end, err)
			}
			time.Sleep(refreshPause)
			f := w.listed(t, d, "tcp", c)
			if total := f.Bytes.Ingress + f.Bytes.Egress; total < 2*uint64(len(content)) ||
				total > 3*uint64(len(content)) {
				t.Errorf("%s: a connection has %d bytes, want its own %d", w.name, total, 2*len(content))
			}
			linger := -1 // the orderly way
			if end == "RST" {
				linger = 0
			}
			if err := c.(interface{ SetLinger(int) error }).SetLinger(linger); err != nil {
				t.Fatal(err)
			}
			c.Close()
			ended(t, d, w.name+", after a "+end, f.Local, f.Remote)
		}
	}
}

// TestReusedAfterReset has the outside reset connections that are carried, and opens each again
// at once between the same ports: it is as good as the first one. Without a rule it does not
// come about.
func TestReusedAfterReset(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, closed = 7000, 7001
	for _, w := range ways(h) {
		t.Run(w.name, func(t *testing.T) {
			d := harness.Enforce(t, h.Fw, policy(both(p), both(p)))
			from, at := harness.AddrPort(w.src, harness.UnusedPort()), harness.AddrPort(w.dst, p)
			conns := harness.Accepting(t, w.to, at)
			for round := range 3 {
				c := w.dial(t, "tcp", p, netlab.From(from))
				s := harness.Accept(t, conns)
				copied := make(chan struct{})
				go func() {
					defer close(copied)
					io.Copy(s, s)
				}()
				before := d.Status()
				if err := echoed(c, random(1<<20)); err != nil {
					t.Fatalf("connection %d: %v", round, err)
				}
				if carried, judged := carriedSince(t, d, before); carried < judged {
					t.Errorf("connection %d: %d were carried, %d judged", round, carried, judged)
				}
				resets, reset := c, s // the outside resets
				if !w.inward {
					resets, reset = s, c
				}
				if err := resets.(interface{ SetLinger(int) error }).SetLinger(0); err != nil {
					t.Fatal(err)
				}
				resets.Close()
				reset.SetReadDeadline(time.Now().Add(harness.ArrivalTimeout))
				_, err := reset.Read(make([]byte, 1))
				if w.inward {
					<-copied // io.Copy read it
				} else if !errors.Is(err, unix.ECONNRESET) {
					t.Fatalf("connection %d: the reset did not arrive: %v", round, err)
				}
				reset.Close()
			}
			d.Reload(policy(both(closed), both(closed)))
			if c := harness.DialTCP(t, w.from, from, at, harness.SilenceTimeout); c != nil {
				c.Close()
				t.Error("it comes about without a rule")
			}
			d.Stop()
		})
	}
}

// ended waits until a connection is established no more.
func ended(t *testing.T, d *harness.Daemon, what, local, remote string) {
	t.Helper()
	for deadline := time.Now().Add(harness.ArrivalTimeout); ; time.Sleep(20 * time.Millisecond) {
		f, ok := d.Flow("tcp", local, remote)
		if !ok || f.State != "established" && f.State != "pickup" {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s: %+v", what, f)
			return
		}
	}
}
