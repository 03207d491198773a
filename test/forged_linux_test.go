package test

import (
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// victim is a live TCP session through a protected host, with the numbers that
// only somebody on the path sees.
type victim struct {
	t *testing.T
	d *daemon
	session
	conn     net.Conn
	attacker *netlab.Device
	capture  *netlab.Capture
	// inside is the protected end, outside the one whose address is forged.
	inside, outside netip.AddrPort
	tap             *tap
}

// numbers are what the outside end would use now: bytes go both ways, and the
// capture tells the numbers behind them.
func (v *victim) numbers() (seq, ack uint32) {
	v.t.Helper()
	sent := nonce()
	v.conn.SetDeadline(time.Now().Add(patience))
	if _, err := v.conn.Write(sent); err != nil {
		v.t.Fatalf("%s: dead before anything was forged: %v", v.what, err)
	}
	if _, err := io.ReadFull(v.conn, make([]byte, len(sent))); err != nil {
		v.t.Fatalf("%s: dead before anything was forged: %v", v.what, err)
	}
	behind := func(src, dst netip.AddrPort) uint32 {
		p, err := v.capture.Wait(labtest.Within(v.t, patience), func(p netlab.Packet) bool {
			s, ok := segmentOf(p.Bytes)
			return ok && s.src == src && s.dst == dst && string(s.payload) == string(sent)
		})
		if err != nil {
			v.t.Fatal(err)
		}
		s, _ := segmentOf(p.Bytes)
		return s.next()
	}
	return behind(v.outside, v.inside), behind(v.inside, v.outside)
}

// forge sends a segment from the outside end's address to the protected one.
func (v *victim) forge(flags wire.Flags, seq, ack uint32, payload []byte) {
	v.t.Helper()
	if err := v.attacker.Send(wire.TCP(v.outside, v.inside, flags, seq, ack, payload)); err != nil {
		v.t.Fatal(err)
	}
}

// flow is what the daemon knows of the session.
func (v *victim) flow(state string) listedFlow {
	v.t.Helper()
	return v.d.inState(v.t, state, "tcp", v.inside.String(), v.outside.String())
}

// newVictims opens a session of each family that a protected host admitted, or
// opened itself, and closes the policy around them. It returns the policy that
// let them pass, too.
func newVictims(t *testing.T, opened bool) (victims []*victim, policy string) {
	lab := labtest.New(t, finished())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	protected := server
	policy = policyWith([]string{allow("tcp", inward)}, nil)
	if opened {
		protected = client
		policy = policyWith(nil, []string{allow("tcp", inward)})
	}
	d := enforce(t, protected.Host(), policy)
	for i, a := range families(server) {
		at := port(a, inward)
		echoTCP(t, server.Host(), at)
		c := dialTCP(t, client.Host(), netip.AddrPort{}, at, patience)
		if c == nil {
			t.Fatalf("%s: no session", family(a))
		}
		t.Cleanup(func() { c.Close() })
		v := &victim{
			t: t, d: d, session: sessionOf(family(a), c), conn: c, attacker: protected.Peer(),
			inside: at, outside: c.LocalAddr().(*net.TCPAddr).AddrPort(),
			tap:     newTap(t, protected.Host(), wire.ProtoTCP, families(protected)[i]),
			capture: labtest.Capture(t, server.Host(), "eth0", netlab.CaptureOptions{Outgoing: true}),
		}
		if opened {
			v.inside, v.outside = v.outside, v.inside
		}
		victims = append(victims, v)
		v.numbers()
	}
	d.reload(closed)
	return victims, policy
}

// roles calls f for sessions that the protected host admitted and for such that
// it opened.
func roles(t *testing.T, f func(t *testing.T, opened bool)) {
	for _, opened := range []bool{false, true} {
		t.Run(map[bool]string{false: "admitted", true: "opened"}[opened], func(t *testing.T) {
			t.Parallel()
			f(t, opened)
		})
	}
}

// far are numbers that have nothing to do with a window of 64 KiB to 6 MiB
// around n (RFC 5961 §1.2: the forger is blind).
func far(n uint32) uint32 { return n + 1<<28 + rand.Uint32N(1<<31) }

// attack sends segments with wrong numbers at the session and looks whether it
// and its flow live as before.
func (v *victim) attack() {
	v.t.Helper()
	before := v.flow("established")
	if before.Expires < 431_000 {
		v.t.Fatalf("%s: an established flow ends in %d s, want close to 432000", v.what, before.Expires)
	}
	seq, ack := v.numbers()
	for _, flags := range []wire.Flags{
		wire.RST, wire.RST | wire.ACK, wire.FIN | wire.ACK, wire.SYN | wire.ACK, wire.PSH | wire.ACK,
		wire.SYN | wire.FIN, wire.FIN, 0,
	} {
		for range 4 {
			v.forge(flags, far(seq), far(ack), nil)
		}
	}
	// In the window, where the receiver answers with a challenge ACK (RFC 5961).
	for _, off := range []uint32{1, 2, 1000} {
		v.forge(wire.RST, seq+off, 0, nil)
		v.forge(wire.RST|wire.ACK, seq+off, far(ack), nil)
	}
	// Right sequence, impossible acknowledgement, and the other way round.
	v.forge(wire.FIN|wire.ACK, seq, far(ack), nil)
	v.forge(wire.PSH|wire.ACK, far(seq), ack, []byte("forged"))
	if !v.alive() {
		v.t.Errorf("%s: the session died of forged segments", v.what)
	}
	if after := v.flow("established"); after.Expires < before.Expires-60 {
		v.t.Errorf("%s: the flow ends in %d s, in %d s before the forged segments", v.what, after.Expires, before.Expires)
	}
}

// sentinel sends a harmless segment of the session, an acknowledgement that the
// receiver has seen long ago, and matches it.
func (v *victim) sentinel() func([]byte) bool {
	v.t.Helper()
	seq, ack := v.numbers()
	v.forge(wire.ACK, seq-1, ack-7, nil)
	return func(b []byte) bool {
		s := transportOf(b)
		return s.flags == wire.ACK && s.seq == seq-1 && s.ack == ack-7 && s.src.Port() == v.outside.Port()
	}
}

// TestForgedSegments: segments by somebody who knows addresses and ports but
// not the numbers neither end a flow nor shorten its life (T28: trust must be
// earned). They may pass, because a security group is no IPS; a SYN does not
// even pass unless a rule admits it.
func TestForgedSegments(t *testing.T) {
	parity.Proves(t, "T28")
	roles(t, func(t *testing.T, opened bool) {
		victims, policy := newVictims(t, opened)
		const badSYN = 0xbad0
		for _, v := range victims {
			v.attack()
			v.forge(wire.SYN, badSYN, 0, nil)
			passed := v.tap.until(v.what+": the sentinel behind a forged SYN", v.sentinel())
			if n := count(passed, func(b []byte) bool { return transportOf(b).seq == badSYN }); n > 0 {
				t.Errorf("%s: %d forged SYN passed to a live flow without a rule", v.what, n)
			}
		}
		// With the rules back a SYN may pass; it does not touch the flow.
		victims[0].d.reload(policy)
		for _, v := range victims {
			seq, ack := v.numbers()
			for range 4 {
				v.forge(wire.SYN, far(seq), 0, nil)
				v.forge(wire.SYN|wire.ACK, far(seq), far(ack), nil)
			}
			v.attack()
		}
		victims[0].d.reload(closed)
		for _, v := range victims {
			if !v.alive() {
				t.Errorf("%s: the session died after a forged SYN that a rule admits", v.what)
			}
			v.flow("established")
		}
	})
}

// TestExactReset: a RST with the exact number ends the flow (RFC 9293
// §3.10.7.4). When its entry is gone, what comes late of the old connection is
// for the rules, and there are none (T13, T22, F7); another session between the
// same hosts lives.
func TestExactReset(t *testing.T) {
	parity.Proves(t, "T13", "T22")
	t.Parallel()
	type pair struct {
		*victim
		stays    *victim
		seq, ack uint32
	}
	var pairs []pair
	for _, opened := range []bool{false, true} {
		resets, policy := newVictims(t, opened)
		d := resets[0].d
		d.reload(policy)
		for _, v := range resets {
			h, to := v.attacker.Host(), v.inside
			if opened {
				h, to = d.host, v.outside
			}
			c := dialTCP(t, h, netip.AddrPort{}, to, patience)
			if c == nil || !talks(c) {
				t.Fatalf("%s: no second session", v.what)
			}
			t.Cleanup(func() { c.Close() })
			stays := *v
			stays.session, stays.conn = sessionOf("second session over "+v.what, c), c
			if from := c.LocalAddr().(*net.TCPAddr).AddrPort(); opened {
				stays.inside = from
			} else {
				stays.outside = from
			}
			pairs = append(pairs, pair{victim: v, stays: &stays})
		}
		d.reload(closed)
	}
	for i, p := range pairs {
		p.seq, p.ack = p.numbers()
		pairs[i] = p
		p.forge(wire.RST, p.seq, 0, nil)
		if f := p.flow("close"); f.Expires > 10 {
			t.Errorf("%s: a closed flow ends in %d s, want at most 10", p.what, f.Expires)
		}
	}
	for _, p := range pairs {
		deadline := time.Now().Add(15 * time.Second)
		for {
			if _, live := p.d.flow("tcp", p.inside.String(), p.outside.String()); !live {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: the closed flow stays", p.what)
			}
			time.Sleep(100 * time.Millisecond)
		}
		late := nonce()
		p.forge(wire.PSH|wire.ACK, p.seq, p.ack, late)
		passed := p.tap.until(p.what+": the sentinel behind late data", p.stays.sentinel())
		if count(passed, carrying(late)) > 0 {
			t.Errorf("%s: late data of a connection that was reset passed without a rule", p.what)
		}
		if !p.dead() {
			t.Errorf("%s: the session lives on after an exact RST", p.what)
		}
		if !p.stays.alive() {
			t.Errorf("%s: died with the first", p.stays.what)
		}
	}
}
