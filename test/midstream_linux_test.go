package test

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

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
		{"server with an ingress rule", "server", policyWith([]string{allow("tcp", inward)}, []string{allow("tcp", outward)}), true},
		{"client with an egress rule", "client", policyWith([]string{allow("tcp", outward)}, []string{allow("tcp", inward)}), true},
		{"server without a rule", "server", policyWith(nil, []string{allow("tcp", outward)}), false},
		{"client without a rule", "client", policyWith([]string{allow("tcp", outward)}, nil), false},
		// Rules speak of the port that a flow was opened to, whoever goes on first.
		{"server with an egress rule for the port", "server", policyWith(nil, []string{allow("tcp", inward), allow("tcp", outward)}), false},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			lab := labtest.New(t, netlab.Pair())
			client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
			opened := policyWith([]string{allow("tcp", inward)}, []string{allow("tcp", inward)})
			d := enforce(t, lab.Host(c.protected), opened)
			sessions := make([]midstream, 2)
			for i := range sessions {
				sessions[i] = newMidstream(t, client, server, i)
			}
			d.stop()
			d.write(c.policy)
			d.start()
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
				d.inState(t, "established", "tcp", local, remote)
			}
			d.reload(closed)
			for _, s := range sessions {
				if !delivers(s.callee, s.caller, patience) || !delivers(s.caller, s.callee, patience) {
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
	sees           *tap // at the client
	sentinel       func(t *testing.T)
}

func newMidstream(t *testing.T, client, server *netlab.Device, i int) midstream {
	t.Helper()
	at, back := port(families(server)[i], inward), port(families(client)[i], outward)
	conns := accepted(t, server.Host(), at)
	echoTCP(t, client.Host(), back)
	c := dialTCP(t, client.Host(), netip.AddrPort{}, at, patience)
	if c == nil {
		t.Fatal("no session")
	}
	t.Cleanup(func() { c.Close() })
	m := midstream{
		what: family(at.Addr()), caller: c, callee: take(t, conns),
		sees: newTap(t, client.Host(), wire.ProtoTCP, back.Addr()),
		sentinel: func(t *testing.T) {
			t.Helper()
			if !connects(t, server.Host(), netip.AddrPort{}, back, patience) {
				t.Errorf("%s: a new connection that a rule admits did not pass", family(at.Addr()))
			}
		},
	}
	if !delivers(m.caller, m.callee, patience) || !delivers(m.callee, m.caller, patience) {
		t.Fatalf("%s: the session is mute", m.what)
	}
	return m
}

// restarted looks at a session that the daemon does not know.
func (m midstream) restarted(t *testing.T, goesOn bool) {
	t.Helper()
	// The server goes on first: only a reply could be such a segment. The SYN
	// behind it takes the same way.
	early, request := nonce(), nonce()
	m.callee.SetDeadline(time.Time{})
	m.caller.SetDeadline(time.Time{})
	if _, err := m.callee.Write(early); err != nil {
		t.Fatal(err)
	}
	m.sentinel(t)
	passed := m.sees.until(m.what+": the sentinel", func(b []byte) bool {
		s := transportOf(b)
		return s.dst.Port() == outward && s.flags&^wire.ECE&^wire.CWR == wire.SYN
	})
	if count(passed, carrying(early)) > 0 {
		t.Errorf("%s: a reply of an unknown session passed", m.what)
	}

	wait := patience
	if !goesOn {
		wait = silence
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

// delivers reports whether bytes go from one end of a session to the other.
func delivers(from, to net.Conn, wait time.Duration) bool {
	sent := nonce()
	from.SetDeadline(time.Now().Add(wait))
	to.SetDeadline(time.Now().Add(wait))
	if _, err := from.Write(sent); err != nil {
		return false
	}
	got := make([]byte, len(sent))
	_, err := io.ReadFull(to, got)
	return err == nil && string(got) == string(sent)
}
