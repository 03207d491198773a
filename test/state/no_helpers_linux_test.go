package state

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestNoHelpers: a control connection that announces another one, as FTP's does,
// opens nothing: what is announced needs a rule of its own (T29).
func TestNoHelpers(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T29")
	const control = 21
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	near, far := server.Device("eth0").IPv4(), client.Device("eth0").IPv4()
	harness.EchoOn(t, server, harness.AddrPort(near, harness.Inward),
		harness.AddrPort(near, harness.Inward+10))
	harness.EchoOn(t, client, harness.AddrPort(far, harness.Outward),
		harness.AddrPort(far, harness.Outward+10))
	harness.Enforce(t, server, harness.PolicyWith(
		[]string{harness.Allow("tcp", control), harness.Allow("tcp", harness.Inward)},
		[]string{harness.Allow("tcp", harness.Outward)}))
	conns := harness.Accepting(t, server, harness.AddrPort(near, control))
	c := harness.DialTCP(t, client, netip.AddrPort{}, harness.AddrPort(near, control),
		harness.ArrivalTimeout)
	if c == nil {
		t.Fatal("no control connection")
	}
	defer c.Close()
	s := harness.Accept(t, conns)
	announce := func(from, to net.Conn, format string, a netip.Addr, p int) {
		b := a.As4()
		line := fmt.Sprintf(format+"\r\n", b[0], b[1], b[2], b[3], p>>8, p&0xff)
		to.SetDeadline(time.Now().Add(harness.ArrivalTimeout))
		if _, err := from.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(to, make([]byte, len(line))); err != nil {
			t.Fatalf("%q did not arrive: %v", line, err)
		}
	}
	announce(c, s, "PORT %d,%d,%d,%d,%d,%d", far, harness.Outward+10)
	announce(s, c, "227 Entering Passive Mode (%d,%d,%d,%d,%d,%d)", near, harness.Inward+10)
	harness.Run(t, []harness.Attempt{
		harness.Passes(harness.Exchange(t, "by a rule", client, "tcp", far,
			harness.AddrPort(near, harness.Inward))),
		harness.Passes(harness.Exchange(t, "by a rule", server, "tcp", near,
			harness.AddrPort(far, harness.Outward))),
		harness.Drops(harness.Exchange(t, "as announced by the server", client, "tcp", far,
			harness.AddrPort(near, harness.Inward+10))),
		harness.Drops(harness.Exchange(t, "as announced by the client", server, "tcp", near,
			harness.AddrPort(far, harness.Outward+10))),
	})
}
