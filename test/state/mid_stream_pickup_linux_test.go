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
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestMidstream starts the daemon anew under live TCP sessions, of which it then
// knows nothing. Whoever may open such a session may go on with it; what could
// only be a reply passes once the other side has spoken (T22).
func TestMidstream(t *testing.T) {
	parity.Proves(t, "T22")
	// What every policy here lets the server open to the client, as a sentinel.
	for _, c := range []struct {
		what      string
		protected string
		policy    string
		goesOn    bool
	}{
		{"server with an ingress rule", "server",
			harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)},
				[]string{harness.Allow("tcp", harness.Outward)}), true},
		{"client with an egress rule", "client",
			harness.PolicyWith([]string{harness.Allow("tcp", harness.Outward)},
				[]string{harness.Allow("tcp", harness.Inward)}), true},
		{"server without a rule", "server",
			harness.PolicyWith(nil, []string{harness.Allow("tcp", harness.Outward)}), false},
		{"client without a rule", "client",
			harness.PolicyWith([]string{harness.Allow("tcp", harness.Outward)}, nil), false},
		// Rules speak of the port that a flow was opened to, whoever goes on first.
		{"server with an egress rule for the port", "server",
			harness.PolicyWith(nil, []string{
				harness.Allow("tcp", harness.Inward), harness.Allow("tcp", harness.Outward)}), false},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
			opened := harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)},
				[]string{harness.Allow("tcp", harness.Inward)})
			d := harness.Enforce(t, lab.Host(c.protected), opened)
			sessions := make([]midstream, 2)
			for i := range sessions {
				sessions[i] = newMidstream(t, client, server, i)
			}
			d.Stop()
			d.ForgetFlows()
			d.Write(c.policy + harness.OneQueue)
			d.Start("--no-adopt")
			for _, s := range sessions {
				s.restarted(t, c.goesOn)
			}
			if !c.goesOn {
				return
			}
			for _, s := range sessions {
				local, remote := s.callee.LocalAddr().String(), s.callee.RemoteAddr().String()
				if c.protected == "client" {
					local, remote = remote, local
				}
				d.InState(t, "established", "tcp", local, remote)
			}
			d.Reload(harness.Closed)
			for _, s := range sessions {
				if !harness.Delivers(s.callee, s.caller, harness.ArrivalTimeout) ||
					!harness.Delivers(s.caller, s.callee, harness.ArrivalTimeout) {
					t.Errorf("%s: a session that was picked up did not outlive its rule", s.what)
				}
			}
		})
	}
}

// midstream is a session that client opened to server.
type midstream struct {
	what           string
	caller, callee net.Conn
	sees           *harness.Tap // at the client
	sentinel       func(t *testing.T)
}

func newMidstream(t *testing.T, client, server *netlab.Device, i int) midstream {
	t.Helper()
	at, back := harness.AddrPort(harness.BothAddresses(server)[i], harness.Inward),
		harness.AddrPort(harness.BothAddresses(client)[i], harness.Outward)
	conns := harness.Accepting(t, server.Host(), at)
	harness.EchoTCP(t, client.Host(), back)
	c := harness.DialTCP(t, client.Host(), netip.AddrPort{}, at, harness.ArrivalTimeout)
	if c == nil {
		t.Fatal("no session")
	}
	t.Cleanup(func() { c.Close() })
	m := midstream{
		what: harness.FamilyName(at.Addr()), caller: c, callee: harness.Accept(t, conns),
		sees: harness.NewTap(t, client.Host(), wire.ProtoTCP, back.Addr()),
		sentinel: func(t *testing.T) {
			t.Helper()
			if !harness.Connects(t, server.Host(), netip.AddrPort{}, back, harness.ArrivalTimeout) {
				t.Errorf("%s: a new connection that a rule admits did not pass", harness.FamilyName(at.Addr()))
			}
		},
	}
	if !harness.Delivers(m.caller, m.callee, harness.ArrivalTimeout) ||
		!harness.Delivers(m.callee, m.caller, harness.ArrivalTimeout) {
		t.Fatalf("%s: the session is mute", m.what)
	}
	return m
}

// restarted looks at a session that the daemon does not know.
func (m midstream) restarted(t *testing.T, goesOn bool) {
	t.Helper()
	// The server goes on first: only a reply could be such a segment. The SYN
	// behind it takes the same way.
	early, request := harness.Nonce(), harness.Nonce()
	m.callee.SetDeadline(time.Time{})
	m.caller.SetDeadline(time.Time{})
	if _, err := m.callee.Write(early); err != nil {
		t.Fatal(err)
	}
	m.sentinel(t)
	passed := m.sees.Until(m.what+": the sentinel", func(b []byte) bool {
		s := harness.TransportOf(b)
		return s.Dst.Port() == harness.Outward && s.Flags&^wire.ECE&^wire.CWR == wire.SYN
	})
	if harness.Count(passed, harness.Carrying(early)) > 0 {
		t.Errorf("%s: a reply of an unknown session passed", m.what)
	}

	wait := harness.ArrivalTimeout
	if !goesOn {
		wait = harness.SilenceTimeout
	}
	if _, err := m.caller.Write(request); err != nil {
		t.Fatal(err)
	}
	m.callee.SetReadDeadline(time.Now().Add(wait))
	_, err := io.ReadFull(m.callee, make([]byte, len(request)))
	if arrived := err == nil; arrived != goesOn {
		t.Errorf("%s: the client's segment arrived: %t, want %t (%v)", m.what, arrived, goesOn, err)
	}
	// What was lost comes again, now as part of a known flow.
	m.caller.SetReadDeadline(time.Now().Add(wait))
	_, err = io.ReadFull(m.caller, make([]byte, len(early)))
	if arrived := err == nil; arrived != goesOn {
		t.Errorf("%s: the server's segment arrived: %t, want %t (%v)", m.what, arrived, goesOn, err)
	}
	if !goesOn {
		m.sentinel(t)
	}
}
