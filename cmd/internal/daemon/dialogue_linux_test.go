package daemon

import (
	"net/netip"
	"testing"

	"sgfw/test/wire"
)

// says is one packet of a dialogue: who sends it, and which.
type says struct {
	asker  bool
	packet func(d *dialogue) []byte
}

// dialogue is one flow through the relay.
type dialogue struct {
	r *relay
	// asker is behind a managed device, server behind one that is not.
	asker, server *side
	family        int
	n             uint16
}

// open has a flow said, packet by packet. All of it must pass.
func (r *relay) open(t *testing.T, asker *side, family int, script []says) *dialogue {
	t.Helper()
	return r.openTo(t, asker, r.sides[2], family, script)
}

// openTo is open with a server of one's choice.
func (r *relay) openTo(t *testing.T, asker, server *side, family int, script []says) *dialogue {
	t.Helper()
	d := &dialogue{r: r, asker: asker, server: server, family: family, n: r.port()}
	for i, s := range script {
		if !d.say(t, s) {
			t.Fatalf("packet %d of the dialogue does not pass", i)
		}
	}
	return d
}

// say reports whether a packet passes.
func (d *dialogue) say(t *testing.T, s says) bool {
	t.Helper()
	from, to := d.server, d.asker
	if s.asker {
		from, to = to, from
	}
	return d.r.passes(t, from, to, s.packet(d))
}

// ends are the addresses of the asker's and the server's end.
func (d *dialogue) ends(port uint16) (asker, server netip.AddrPort) {
	return netip.AddrPortFrom(d.asker.at[d.family], d.n),
		netip.AddrPortFrom(d.server.at[d.family], port)
}

// segment is one of TCP; the numbers are relative to those that the sides begin with.
func segment(asker bool, flags wire.Flags, seq, ack uint32, payload string) says {
	return says{asker, func(d *dialogue) []byte {
		a, s := d.ends(443)
		if asker {
			return wire.TCP(a, s, flags, 1000+seq, 5000+ack, []byte(payload))
		}
		return wire.TCP(s, a, flags, 5000+seq, 1000+ack, []byte(payload))
	}}
}

func datagram(asker bool) says {
	return says{asker, func(d *dialogue) []byte {
		a, s := d.ends(53)
		if asker {
			return wire.UDP(a, s, []byte("question"))
		}
		return wire.UDP(s, a, []byte("answer"))
	}}
}

func echo(asker bool) says {
	return says{asker, func(d *dialogue) []byte {
		a, s := d.ends(0)
		if asker {
			return wire.Echo(a.Addr(), s.Addr(), d.n, 1, []byte("ping"))
		}
		return wire.EchoReply(s.Addr(), a.Addr(), d.n, 1, []byte("ping"))
	}}
}

func tunnelled(asker bool) says {
	return says{asker, func(d *dialogue) []byte {
		a, s := d.ends(0)
		if asker {
			return wire.GRE(a.Addr(), s.Addr(), []byte("in"))
		}
		return wire.GRE(s.Addr(), a.Addr(), []byte("out"))
	}}
}

// goesUnanswered says a packet that must not pass, and in silence: neither side
// hears of it, by RST or otherwise (D8, T23).
func (d *dialogue) goesUnanswered(t *testing.T, what string, s says) {
	t.Helper()
	from, to := d.server, d.asker
	if s.asker {
		from, to = to, from
	}
	from.sees.Reset()
	if d.say(t, s) {
		t.Errorf("%s: passes", what)
		return
	}
	// Whatever the relay answers is on its way before the next sentinel.
	for _, p := range d.r.behind(t, to, from, 4+2*d.family) {
		if isTransport(p.Bytes, wire.ProtoTCP) || isError(p.Bytes) {
			t.Errorf("%s: the sender hears %x", what, p.Bytes)
		}
	}
}

// isTransport reports whether a packet without extension headers has the protocol.
func isTransport(b []byte, protocol byte) bool {
	if b[0]>>4 == 4 {
		return b[9] == protocol
	}
	return b[6] == protocol
}

// isError reports whether a packet is an error of ICMP.
func isError(b []byte) bool {
	return b[0]>>4 == 4 && isTransport(b, wire.ProtoICMP) && b[20] != 0 && b[20] != 8 ||
		b[0]>>4 == 6 && isTransport(b, wire.ProtoICMPv6) && b[40] < 128
}
