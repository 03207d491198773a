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

// TestHalfClose: after one side has shut down, data flows the other way for as
// long as it likes, by the flow alone.
func TestHalfClose(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	opened := harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)},
		[]string{harness.Allow("tcp", harness.Outward)})
	d := harness.Enforce(t, server, opened)
	harness.BothFamilies(t, client.Device("eth0"), server.Device("eth0"),
		func(t *testing.T, from, to netip.Addr) {
			for _, way := range []struct {
				what     string
				from, to *netlab.Host
				at       netip.AddrPort
			}{{"admitted", client, server, harness.AddrPort(to, harness.Inward)},
				{"opened", server, client, harness.AddrPort(from, harness.Outward)}} {
				d.Reload(opened)
				conns := harness.Accepting(t, way.to, way.at)
				caller := harness.DialTCP(t, way.from, netip.AddrPort{}, way.at, harness.ArrivalTimeout)
				if caller == nil {
					t.Fatalf("%s: no session", way.what)
				}
				defer caller.Close()
				callee := harness.Accept(t, conns)
				d.Reload(harness.Closed)
				if harness.Connects(t, way.from, netip.AddrPort{}, way.at, harness.SilenceTimeout) {
					t.Errorf("%s: a new session without a rule", way.what)
				}

				caller.SetDeadline(time.Now().Add(harness.ArrivalTimeout))
				if err := caller.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
				if n, err := callee.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("%s: the shutdown did not arrive: %d bytes, %v", way.what, n, err)
				}
				for i := range 5 {
					if i > 0 {
						time.Sleep(50 * time.Millisecond)
					}
					chunk := make([]byte, 100_000)
					go callee.Write(chunk)
					if _, err := io.ReadFull(caller, chunk); err != nil {
						t.Fatalf("%s: chunk %d behind a shutdown: %v", way.what, i, err)
					}
				}
				inside, outside := caller.RemoteAddr().String(), caller.LocalAddr().String()
				if way.from == server {
					inside, outside = outside, inside
				}
				d.InState(t, "close_wait", "tcp", inside, outside)
				if err := callee.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
				if n, err := caller.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("%s: the second shutdown did not arrive: %d bytes, %v", way.what, n, err)
				}
				d.InState(t, harness.BothEnded(), "tcp", inside, outside)
				if c := harness.DialTCP(t, way.from, netip.AddrPort{}, way.at,
					harness.SilenceTimeout); c != nil {
					c.Close()
					t.Errorf("%s: a new connection passed without a rule", way.what)
				}
			}
		})
}
