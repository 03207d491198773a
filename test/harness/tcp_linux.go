package harness

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/netlab"
)

// Delivers reports whether bytes go from one end of a session to the other.
func Delivers(from, to net.Conn, wait time.Duration) bool {
	sent := Nonce()
	from.SetDeadline(time.Now().Add(wait))
	to.SetDeadline(time.Now().Add(wait))
	if _, err := from.Write(sent); err != nil {
		return false
	}
	got := make([]byte, len(sent))
	_, err := io.ReadFull(to, got)
	return err == nil && string(got) == string(sent)
}

// EchoOn serves TCP and UDP echo until the test ends.
func EchoOn(t testing.TB, h *netlab.Host, on ...netip.AddrPort) {
	t.Helper()
	for _, a := range on {
		s, err := h.ServeEcho(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
	}
}

// EchoTCP answers every connection to an address with what it sends. It is
// closed with the test.
func EchoTCP(t testing.TB, h *netlab.Host, at netip.AddrPort) net.Listener {
	t.Helper()
	l, err := h.Listen(t.Context(), "tcp", at, netlab.ReuseAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l
}

// Connects reports whether a TCP connection comes about and carries bytes both
// ways; the answer is what the far side sent back. from may be zero.
func Connects(t testing.TB, h *netlab.Host, from netip.AddrPort, to netip.AddrPort,
	wait time.Duration) bool {
	t.Helper()
	c := DialTCP(t, h, from, to, wait)
	if c == nil {
		return false
	}
	defer c.Close()
	return Talks(c)
}

// DialTCP returns a connection, nil if none comes about in time.
func DialTCP(t testing.TB, h *netlab.Host, from netip.AddrPort, to netip.AddrPort,
	wait time.Duration) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	var options []netlab.SocketOption
	if from.IsValid() {
		options = append(options, netlab.From(from))
	}
	c, err := h.Dial(ctx, "tcp", to, options...)
	if err != nil {
		return nil
	}
	return c
}

// Talks reports whether an echoing connection still carries bytes both ways.
func Talks(c net.Conn) bool {
	sent := Nonce()
	c.SetDeadline(time.Now().Add(ArrivalTimeout))
	if _, err := c.Write(sent); err != nil {
		return false
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(c, got); err != nil {
		return false
	}
	return bytes.Equal(got, sent)
}

// Silenced is like talks for a connection that should be cut: it waits only briefly.
func Silenced(c net.Conn) bool {
	sent := Nonce()
	c.SetDeadline(time.Now().Add(SilenceTimeout))
	c.Write(sent)
	_, err := io.ReadFull(c, make([]byte, len(sent)))
	return err != nil
}
