package control

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// TestConnectionsAreBounded: connections that say nothing fill the places of those
// who made them, and closing one makes room.
func TestConnectionsAreBounded(t *testing.T) {
	s, err := Listen(t.Context(), filepath.Join(t.TempDir(), "s.sock"), NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := newLimited(s.Listener)
	var uid atomic.Uint32
	l.who = func(net.Conn) peer { return peer{uid: uid.Load(), known: true} }
	accepted := make(chan net.Conn, maxConnections+1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	// dial reports whether a connection got a place.
	dial := func() (net.Conn, bool) {
		t.Helper()
		c, err := net.Dial("unix", s.path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		closed := make(chan struct{})
		go func() {
			if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
				close(closed)
			}
		}()
		select {
		case there := <-accepted:
			t.Cleanup(func() { there.Close() })
			return there, true
		case <-closed:
			return nil, false
		case <-time.After(10 * time.Second):
			t.Fatal("neither accepted nor closed")
		}
		return nil, false
	}
	const member = 54321
	uid.Store(member)
	var last net.Conn
	for i := range maxConnections {
		c, ok := dial()
		if !ok {
			t.Fatalf("connection %d was closed", i)
		}
		last = c
	}
	if _, ok := dial(); ok {
		t.Error("a reader got one connection too many")
	}
	uid.Store(0)
	if _, ok := dial(); !ok {
		t.Error("readers took the place of root")
	}
	uid.Store(member)
	last.Close()
	last.Close() // counts once
	if _, ok := dial(); !ok {
		t.Error("no room after one was closed")
	}
	if _, ok := dial(); ok {
		t.Error("one that was closed twice made room for two")
	}
}
