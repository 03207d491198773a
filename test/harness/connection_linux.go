package harness

import (
	"net"
	"net/netip"
	"testing"

	"sgfw/test/netlab"
)

// Connection is a connection of which the test holds both ends.
type Connection struct{ Caller, Callee net.Conn }

// Connect is newCord where somebody listens already.
func Connect(t *testing.T, d *Daemon, from *netlab.Host, at netip.AddrPort,
	conns <-chan net.Conn) Connection {
	t.Helper()
	c := DialTCP(t, from, Anywhere, at, ArrivalTimeout)
	if c == nil {
		t.Fatalf("no session to %s", at)
	}
	t.Cleanup(func() { c.Close() })
	s := Connection{c, Accept(t, conns)}
	if !s.Lives() {
		t.Fatalf("the session to %s is mute", at)
	}
	local, remote := at.String(), c.LocalAddr().String()
	if d.Host == from {
		local, remote = remote, local
	}
	d.InState(t, "established", "tcp", local, remote)
	return s
}

func (s Connection) Lives() bool {
	return Delivers(s.Caller, s.Callee, ArrivalTimeout) && Delivers(s.Callee, s.Caller, ArrivalTimeout)
}

// Cut reports whether nothing arrives any more, at either end, whichever
// speaks: retransmissions of both are under way all the time.
func (s Connection) Cut() bool {
	return !Delivers(s.Callee, s.Caller, SilenceTimeout) &&
		!Delivers(s.Caller, s.Callee, SilenceTimeout) && !Delivers(s.Callee, s.Caller, SilenceTimeout)
}
