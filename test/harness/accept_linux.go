package harness

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/netlab"
)

// Accepting starts a listener and returns the connections that it takes.
func Accepting(t *testing.T, h *netlab.Host, at netip.AddrPort) <-chan net.Conn {
	t.Helper()
	l, err := h.Listen(t.Context(), "tcp", at, netlab.ReuseAddr())
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, 16)
	t.Cleanup(func() {
		l.Close()
		for len(conns) > 0 {
			(<-conns).Close()
		}
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	}()
	return conns
}

// Accept returns the next connection of a listener.
func Accept(t *testing.T, conns <-chan net.Conn) net.Conn {
	t.Helper()
	select {
	case c := <-conns:
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(ArrivalTimeout))
		return c
	case <-time.After(ArrivalTimeout):
		t.Fatal("no connection arrived")
		return nil
	}
}
