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

// accepted starts a listener and returns the connections that it takes.
func accepted(t *testing.T, h *netlab.Host, at netip.AddrPort) <-chan net.Conn {
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

// take returns the next connection of a listener.
func take(t *testing.T, conns <-chan net.Conn) net.Conn {
	t.Helper()
	select {
	case c := <-conns:
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
		return c
	case <-time.After(patience):
		t.Fatal("no connection arrived")
		return nil
	}
}

// TestSimultaneousOpen: both ends send a SYN before either has seen the other's
// (RFC 9293 §3.5). The host may open to the peer and nobody may open to the
// host, so the peer's SYN passes because it crosses that of a flow, and a SYN
// from another port of the peer does not.
func TestSimultaneousOpen(t *testing.T) {
	parity.Proves(t, "T28")
	t.Parallel()
	lab := labtest.New(t, finished())
	server, far := lab.Host("server").Device("eth0"), lab.Host("client").Device("eth0")
	d := enforce(t, server.Host(), policyWith(nil, []string{allow("tcp", inward)}))
	for i, peer := range []netip.Addr{ip("192.0.2.77"), ip("2001:db8::77")} {
		nobody(t, server, peer)
		local := port(families(server)[i], outward)
		sees := newTap(t, server.Host(), wire.ProtoTCP, local.Addr())
		w := newWireTCP(t, far, port(peer, inward), local)
		dialled := make(chan net.Conn, 1)
		go func() { dialled <- dialTCP(t, server.Host(), local, port(peer, inward), patience) }()
		syn := w.receive(wire.SYN, nil)

		stranger := newWireTCP(t, far, port(peer, inward+10), local)
		stranger.send(wire.SYN, nil)
		w.ack = 0
		w.send(wire.SYN, nil)
		w.ack = syn.next()
		synAck := w.receive(wire.SYN|wire.ACK, nil)
		if synAck.seq != syn.seq || synAck.ack != w.seq {
			t.Errorf("%s: the crossing SYN was answered with %+v", family(peer), synAck)
		}
		w.seq-- // the SYN again, with an acknowledgement
		w.send(wire.SYN|wire.ACK, nil)
		c := <-dialled
		if c == nil {
			t.Fatalf("%s: a simultaneous open does not come about", family(peer))
		}
		defer c.Close()
		passed := sees.until(family(peer)+": the SYN-ACK", func(b []byte) bool {
			s := transportOf(b)
			return s.flags == wire.SYN|wire.ACK && s.src.Port() == inward
		})
		if n := count(passed, func(b []byte) bool { return transportOf(b).src.Port() == inward+10 }); n > 0 {
			t.Errorf("%s: a SYN that crosses nothing passed", family(peer))
		}
		d.inState(t, "established", "tcp", local.String(), w.local.String())

		d.reload(closed)
		c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write([]byte("out")); err != nil {
			t.Error(err)
		}
		w.receive(wire.ACK, []byte("out"))
		w.send(wire.ACK|wire.PSH, []byte("in"))
		if _, err := io.ReadFull(c, make([]byte, 2)); err != nil {
			t.Errorf("%s: data behind a simultaneous open: %v", family(peer), err)
		}
		d.reload(policyWith(nil, []string{allow("tcp", inward)}))
	}
}

// TestHalfClose: after one side has shut down, data flows the other way for as
// long as it likes, by the flow alone.
func TestHalfClose(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	opened := policyWith([]string{allow("tcp", inward)}, []string{allow("tcp", outward)})
	d := enforce(t, server, opened)
	both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, from, to netip.Addr) {
		for _, way := range []struct {
			what     string
			from, to *netlab.Host
			at       netip.AddrPort
		}{{"admitted", client, server, port(to, inward)}, {"opened", server, client, port(from, outward)}} {
			d.reload(opened)
			conns := accepted(t, way.to, way.at)
			caller := dialTCP(t, way.from, netip.AddrPort{}, way.at, patience)
			if caller == nil {
				t.Fatalf("%s: no session", way.what)
			}
			defer caller.Close()
			callee := take(t, conns)
			d.reload(closed)
			if connects(t, way.from, netip.AddrPort{}, way.at, silence) {
				t.Errorf("%s: a new session without a rule", way.what)
			}

			caller.SetDeadline(time.Now().Add(patience))
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
			d.inState(t, "close_wait", "tcp", inside, outside)
			if err := callee.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if n, err := caller.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("%s: the second shutdown did not arrive: %d bytes, %v", way.what, n, err)
			}
			d.inState(t, "time_wait", "tcp", inside, outside)
			if c := dialTCP(t, way.from, netip.AddrPort{}, way.at, silence); c != nil {
				c.Close()
				t.Errorf("%s: a new connection passed without a rule", way.what)
			}
		}
	})
}

// TestTupleReuse opens the same tuple again at once after an ordinary close: a
// new SYN replaces a flow in TIME-WAIT (RFC 9293 §3.6.1) if a rule admits it, and
// only then.
func TestTupleReuse(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client"), lab.Host("server")
	opened := policyWith([]string{allow("tcp", inward)}, nil)
	d := enforce(t, server, opened)
	both(t, client.Device("eth0"), server.Device("eth0"), func(t *testing.T, from, to netip.Addr) {
		source, at := port(from, 40000), port(to, inward)
		conns := accepted(t, server, at)
		use := func(wait time.Duration) bool {
			c := dialTCP(t, client, source, at, wait)
			if c == nil {
				return false
			}
			defer c.Close()
			s := take(t, conns)
			go io.Copy(s, s)
			if !talks(c) {
				t.Error("a connection is mute")
			}
			// The server closes first, so TIME-WAIT is on its side and the
			// client's port is free at once.
			s.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
			c.Close()
			d.inState(t, "time_wait", "tcp", at.String(), source.String())
			return true
		}
		for i := range 3 {
			if !use(patience) {
				t.Fatalf("use %d of the tuple did not pass", i)
			}
		}
		d.reload(closed)
		if use(silence) {
			t.Error("a SYN to a flow in TIME-WAIT passed without a rule")
		}
		d.reload(opened)
		if !use(patience) {
			t.Error("the tuple cannot be used any more after a refused SYN")
		}
	})
}

// TestHandMadeSegments are what ordinary sockets do not send at will: data on a
// SYN, the same data twice, data on the last ACK of the handshake.
func TestHandMadeSegments(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, finished())
	far, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := enforce(t, server.Host(), policyWith([]string{allow("tcp", inward)}, nil))
	for i, peer := range []netip.Addr{ip("192.0.2.77"), ip("2001:db8::77")} {
		nobody(t, server, peer)
		at := port(families(server)[i], inward)
		conns := accepted(t, server.Host(), at)
		sees := newTap(t, server.Host(), wire.ProtoTCP, at.Addr())
		isData := func(s segment, payload string) bool { return s.src.Port() == 5555 && string(s.payload) == payload }

		// SYN with data: a server that does not know the sender acknowledges the
		// SYN alone (RFC 7413 §3), so the data comes again.
		newWireTCP(t, far, port(peer, 5555), port(at.Addr(), outward)).send(wire.SYN, []byte("early"))
		w := newWireTCP(t, far, port(peer, 5555), at)
		w.send(wire.SYN, []byte("early"))
		if n := count(sees.until("SYN with data", func(b []byte) bool {
			s := transportOf(b)
			return isData(s, "early") && s.dst.Port() == inward
		}), func(b []byte) bool { return transportOf(b).dst.Port() == outward }); n > 0 {
			t.Errorf("%s: a SYN with data passed to a port without a rule", family(peer))
		}
		synAck := w.receive(wire.SYN|wire.ACK, nil)
		w.seq = synAck.ack
		d.inState(t, "syn_recv", "tcp", at.String(), w.local.String())

		// The handshake's ACK brings the data, twice.
		d.reload(closed)
		for range 2 {
			w.seq = synAck.ack
			w.send(wire.ACK|wire.PSH, []byte("early"))
		}
		c := take(t, conns)
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Errorf("%s: data with the handshake's ACK: %v", family(peer), err)
		}
		d.inState(t, "established", "tcp", at.String(), w.local.String())
		w.send(wire.ACK|wire.PSH, []byte("later"))
		if n := count(sees.until("data", func(b []byte) bool { return isData(transportOf(b), "later") }),
			func(b []byte) bool { return isData(transportOf(b), "early") }); n != 2 {
			t.Errorf("%s: data that was sent twice arrived %d times", family(peer), n)
		}
		later := make([]byte, 5)
		if _, err := io.ReadFull(c, later); err != nil || string(later) != "later" {
			t.Errorf("%s: read %q, %v", family(peer), later, err)
		}
		if c := dialTCP(t, far.Host(), netip.AddrPort{}, at, silence); c != nil {
			c.Close()
			t.Errorf("%s: a new connection passed without a rule", family(peer))
		}
		d.reload(policyWith([]string{allow("tcp", inward)}, nil))
	}
}
