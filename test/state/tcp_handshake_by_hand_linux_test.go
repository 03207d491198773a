package state

import (
	"io"
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// TestHandMadeSegments are what ordinary sockets do not send at will: data on a
// SYN, the same data twice, data on the last ACK of the handshake.
func TestHandMadeSegments(t *testing.T) {
	t.Parallel()
	lab := labtest.New(t, harness.TwoHosts())
	far, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	d := harness.Enforce(t, server.Host(), harness.PolicyWith([]string{harness.Allow("tcp",
		harness.Inward)}, nil, harness.InOrder))
	for i, peer := range []netip.Addr{harness.IP("192.0.2.77"), harness.IP("2001:db8::77")} {
		UnusedAddress(t, server, peer)
		at := harness.AddrPort(harness.BothAddresses(server)[i], harness.Inward)
		conns := harness.Accepting(t, server.Host(), at)
		sees := harness.NewTap(t, server.Host(), wire.ProtoTCP, at.Addr())
		isData := func(s harness.Segment, payload string) bool {
			return s.Src.Port() == 5555 && string(s.Payload) == payload
		}

		// SYN with data: a server that does not know the sender acknowledges the
		// SYN alone (RFC 7413 §3), so the data comes again.
		newWireTCP(t, far, harness.AddrPort(peer, 5555),
			harness.AddrPort(at.Addr(), harness.Outward)).send(wire.SYN, []byte("early"))
		w := newWireTCP(t, far, harness.AddrPort(peer, 5555), at)
		w.send(wire.SYN, []byte("early"))
		if n := harness.Count(sees.Until("SYN with data", func(b []byte) bool {
			s := harness.TransportOf(b)
			return isData(s, "early") && s.Dst.Port() == harness.Inward
		}), func(b []byte) bool { return harness.TransportOf(b).Dst.Port() == harness.Outward }); n > 0 {
			t.Errorf("%s: a SYN with data passed to a port without a rule", harness.FamilyName(peer))
		}
		synAck := w.receive(wire.SYN|wire.ACK, nil)
		w.seq = synAck.Ack
		d.InState(t, harness.ByDatapath("syn_recv", "syn_sent"), "tcp", at.String(), w.local.String())

		// The handshake's ACK brings the data, twice.
		d.Reload(harness.Closed)
		for range 2 {
			w.seq = synAck.Ack
			w.send(wire.ACK|wire.PSH, []byte("early"))
		}
		c := harness.Accept(t, conns)
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Errorf("%s: data with the handshake's ACK: %v", harness.FamilyName(peer), err)
		}
		d.InState(t, harness.Opened(), "tcp", at.String(), w.local.String())
		w.send(wire.ACK|wire.PSH, []byte("later"))
		if n := harness.Count(sees.Until("data",
			func(b []byte) bool { return isData(harness.TransportOf(b), "later") }),
			func(b []byte) bool { return isData(harness.TransportOf(b), "early") }); n != 2 {
			t.Errorf("%s: data that was sent twice arrived %d times", harness.FamilyName(peer), n)
		}
		later := make([]byte, 5)
		if _, err := io.ReadFull(c, later); err != nil || string(later) != "later" {
			t.Errorf("%s: read %q, %v", harness.FamilyName(peer), later, err)
		}
		if c := harness.DialTCP(t, far.Host(), netip.AddrPort{}, at, harness.SilenceTimeout); c != nil {
			c.Close()
			t.Errorf("%s: a new connection passed without a rule", harness.FamilyName(peer))
		}
		d.Reload(harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)}, nil))
	}
}
