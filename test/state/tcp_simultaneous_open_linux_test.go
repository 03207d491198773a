package state

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestSimultaneousOpen: both ends send a SYN before either has seen the other's
// (RFC 9293 §3.5). The host may open to the peer and nobody may open to the
// host, so the peer's SYN passes because it crosses that of a flow, and a SYN
// from another port of the peer does not.
func TestSimultaneousOpen(t *testing.T) {
	parity.Proves(t, "T28")
	t.Parallel()
	lab := labtest.New(t, harness.TwoHosts())
	server, far := lab.Host("server").Device("eth0"), lab.Host("client").Device("eth0")
	d := harness.Enforce(t, server.Host(),
		harness.PolicyWith(nil, []string{harness.Allow("tcp", harness.Inward)}, harness.InOrder))
	for i, peer := range []netip.Addr{harness.IP("192.0.2.77"), harness.IP("2001:db8::77")} {
		UnusedAddress(t, server, peer)
		local := harness.AddrPort(harness.BothAddresses(server)[i], harness.Outward)
		sees := harness.NewTap(t, server.Host(), wire.ProtoTCP, local.Addr())
		w := newWireTCP(t, far, harness.AddrPort(peer, harness.Inward), local)
		dialled := make(chan net.Conn, 1)
		go func() {
			dialled <- harness.DialTCP(t, server.Host(), local, harness.AddrPort(peer, harness.Inward),
				harness.ArrivalTimeout)
		}()
		syn := w.receive(wire.SYN, nil)

		stranger := newWireTCP(t, far, harness.AddrPort(peer, harness.Inward+10), local)
		stranger.send(wire.SYN, nil)
		w.ack = 0
		w.send(wire.SYN, nil)
		w.ack = syn.Next()
		synAck := w.receive(wire.SYN|wire.ACK, nil)
		if synAck.Seq != syn.Seq || synAck.Ack != w.seq {
			t.Errorf("%s: the crossing SYN was answered with %+v", harness.FamilyName(peer), synAck)
		}
		w.seq-- // the SYN again, with an acknowledgement
		w.send(wire.SYN|wire.ACK, nil)
		c := <-dialled
		if c == nil {
			t.Fatalf("%s: a simultaneous open does not come about", harness.FamilyName(peer))
		}
		defer c.Close()
		passed := sees.Until(harness.FamilyName(peer)+": the SYN-ACK", func(b []byte) bool {
			s := harness.TransportOf(b)
			return s.Flags == wire.SYN|wire.ACK && s.Src.Port() == harness.Inward
		})
		if n := harness.Count(passed, func(b []byte) bool {
			return harness.TransportOf(b).Src.Port() == harness.Inward+10
		}); n > 0 {
			t.Errorf("%s: a SYN that crosses nothing passed", harness.FamilyName(peer))
		}
		d.InState(t, harness.Opened(), "tcp", local.String(), w.local.String())

		d.Reload(harness.Closed)
		c.SetDeadline(time.Now().Add(harness.ArrivalTimeout))
		if _, err := c.Write([]byte("out")); err != nil {
			t.Error(err)
		}
		w.receive(wire.ACK, []byte("out"))
		w.send(wire.ACK|wire.PSH, []byte("in"))
		if _, err := io.ReadFull(c, make([]byte, 2)); err != nil {
			t.Errorf("%s: data behind a simultaneous open: %v", harness.FamilyName(peer), err)
		}
		d.Reload(harness.PolicyWith(nil, []string{harness.Allow("tcp", harness.Inward)}))
	}
}
