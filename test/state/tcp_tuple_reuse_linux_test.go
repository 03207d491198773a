package state

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
)

// TestTupleReuse opens the same tuple again at once after an ordinary close: a
// new SYN replaces a flow in TIME-WAIT (RFC 9293 §3.6.1) if a rule admits it, and
// only then.
func TestTupleReuse(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	opened := harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)}, nil)
	d := harness.Enforce(t, server, opened)
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, from, to netip.Addr) {
			source, at := harness.AddrPort(from, 40000), harness.AddrPort(to, harness.Inward)
			conns := harness.Accepting(t, server, at)
			use := func(wait time.Duration) bool {
				c := harness.DialTCP(t, client, source, at, wait)
				if c == nil {
					return false
				}
				defer c.Close()
				s := harness.Accept(t, conns)
				go io.Copy(s, s)
				if !harness.Talks(c) {
					t.Error("a connection is mute")
				}
				// The server closes first, so TIME-WAIT is on its side and the
				// client's port is free at once.
				s.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, c)
				c.Close()
				d.InState(t, harness.BothEnded(), "tcp", at.String(), source.String())
				return true
			}
			for i := range 3 {
				if !use(harness.ArrivalTimeout) {
					t.Fatalf("use %d of the tuple did not pass", i)
				}
			}
			d.Reload(harness.Closed)
			if use(harness.SilenceTimeout) {
				t.Error("a SYN to a flow in TIME-WAIT passed without a rule")
			}
			d.Reload(opened)
			if !use(harness.ArrivalTimeout) {
				t.Error("the tuple cannot be used any more after a refused SYN")
			}
		})
}
