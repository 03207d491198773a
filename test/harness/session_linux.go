package harness

import (
	"net"
	"testing"
)

// Ports of the sessions below: what the client opens to the server, and what
// the server opens to the client.
const (
	Inward  = 7000
	Outward = 7001
)

// Session is something that carries bytes both ways between a host and another.
type Session struct {
	What  string
	Alive func() bool
	Dead  func() bool
}

// Begin uses the session twice, so that UDP is a stream and TCP beyond its
// handshake for sure.
func (s Session) Begin(t *testing.T) {
	t.Helper()
	for range 2 {
		if !s.Alive() {
			t.Fatalf("%s: does not come about", s.What)
		}
	}
}

func SessionOf(what string, c net.Conn) Session {
	return Session{what, func() bool { return Talks(c) }, func() bool { return Silenced(c) }}
}
