package sockets

import (
	"net"
	"net/netip"
	"testing"
)

// TestConnection finds a connection as long as its socket is there, and no listener, by both
// of its ends, over IPv4 and IPv6, and over IPv4 at a socket for both.
func TestConnection(t *testing.T) {
	find, err := NewFinder()
	if err != nil {
		t.Fatal(err)
	}
	defer find.Close()
	for _, c := range []struct{ network, listen, dial string }{
		{"tcp4", "127.0.0.1:0", "127.0.0.1"}, {"tcp6", "[::1]:0", "::1"}, {"tcp", ":0", "127.0.0.1"},
	} {
		l, err := net.Listen(c.network, c.listen)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		at, port := netip.MustParseAddr(c.dial), uint16(l.Addr().(*net.TCPAddr).Port)
		is := func(what string, local netip.Addr, localPort, remotePort uint16, want bool) {
			t.Helper()
			if got, err := find.Connection(local, localPort, remotePort); err != nil || got != want {
				t.Errorf("%s on %s: %s: %t, %v", c.network, c.listen, what, got, err)
			}
		}
		is("a listener", at, port, AnyPort, false)
		conn, err := net.Dial("tcp", netip.AddrPortFrom(at, port).String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		near := uint16(conn.LocalAddr().(*net.TCPAddr).Port)
		served, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer served.Close()
		is("the side that was asked", at, port, near, true)
		is("the one that asked", at, near, port, true)
		is("to any port", at, near, AnyPort, true)
		is("another port", at, port, near+1, false)
		is("another address", netip.MustParseAddr("192.0.2.1"), port, near, false)
		conn.(*net.TCPConn).SetLinger(0) // a RST
		conn.Close()
		served.Read(make([]byte, 1)) // until it has arrived
		is("what was reset", at, port, near, false)
		is("what was reset at the other side", at, near, AnyPort, false)
	}
}
