package state

import (
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/wire"
)

// victim is a live TCP session through a protected host, with the numbers that
// only somebody on the path sees.
type victim struct {
	t *testing.T
	d *harness.Daemon
	harness.Session
	conn     net.Conn
	attacker *netlab.Device
	capture  *netlab.Capture
	// inside is the protected end, outside the one whose address is forged.
	inside, outside netip.AddrPort
	tap             *harness.Tap
}

// numbers are what the outside end would use now: bytes go both ways, and the
// capture tells the numbers behind them.
func (v *victim) numbers() (seq, ack uint32) {
	v.t.Helper()
	sent := harness.Nonce()
	v.conn.SetDeadline(time.Now().Add(harness.ArrivalTimeout))
	if _, err := v.conn.Write(sent); err != nil {
		v.t.Fatalf("%s: dead before anything was forged: %v", v.What, err)
	}
	if _, err := io.ReadFull(v.conn, make([]byte, len(sent))); err != nil {
		v.t.Fatalf("%s: dead before anything was forged: %v", v.What, err)
	}
	behind := func(src, dst netip.AddrPort) uint32 {
		p, err := v.capture.Wait(labtest.Within(v.t, harness.ArrivalTimeout), func(p netlab.Packet) bool {
			s, ok := harness.SegmentOf(p.Bytes)
			return ok && s.Src == src && s.Dst == dst && string(s.Payload) == string(sent)
		})
		if err != nil {
			v.t.Fatal(err)
		}
		s, _ := harness.SegmentOf(p.Bytes)
		return s.Next()
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
func (v *victim) flow(state string) harness.ListedFlow {
	v.t.Helper()
	return v.d.InState(v.t, state, "tcp", v.inside.String(), v.outside.String())
}

// lives is the session that has at least so many seconds before it.
func (v *victim) lives(least int64) harness.ListedFlow {
	v.t.Helper()
	return v.d.Lives(v.t, least, v.inside.String(), v.outside.String())
}

// newVictims opens a session of each family that a protected host admitted, or
// opened itself, and closes the policy around them. It returns the policy that
// let them pass, too.
func newVictims(t *testing.T, opened bool) (victims []*victim, policy string) {
	lab := labtest.New(t, harness.TwoHosts())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	protected := server
	policy = harness.PolicyWith([]string{harness.Allow("tcp", harness.Inward)}, nil, harness.InOrder)
	if opened {
		protected = client
		policy = harness.PolicyWith(nil, []string{harness.Allow("tcp", harness.Inward)}, harness.InOrder)
	}
	d := harness.Enforce(t, protected.Host(), policy)
	for i, a := range harness.BothAddresses(server) {
		at := harness.AddrPort(a, harness.Inward)
		harness.EchoTCP(t, server.Host(), at)
		c := harness.DialTCP(t, client.Host(), netip.AddrPort{}, at, harness.ArrivalTimeout)
		if c == nil {
			t.Fatalf("%s: no session", harness.FamilyName(a))
		}
		t.Cleanup(func() { c.Close() })
		v := &victim{
			t: t, d: d, Session: harness.SessionOf(harness.FamilyName(a), c), conn: c,
			attacker: protected.Peer(),
			inside:   at, outside: c.LocalAddr().(*net.TCPAddr).AddrPort(),
			tap:     harness.NewTap(t, protected.Host(), wire.ProtoTCP, harness.BothAddresses(protected)[i]),
			capture: labtest.Capture(t, server.Host(), "eth0", netlab.CaptureOptions{Outgoing: true}),
		}
		if opened {
			v.inside, v.outside = v.outside, v.inside
		}
		victims = append(victims, v)
		v.numbers()
	}
	d.Reload(harness.Closed)
	return victims, policy
}

// far are numbers that have nothing to do with a window of 64 KiB to 6 MiB
// around n (RFC 5961 §1.2: the forger is blind).
func far(n uint32) uint32 { return n + 1<<28 + rand.Uint32N(1<<31) }

// attack sends segments with wrong numbers at the session and looks whether it
// and its flow live as before.
func (v *victim) attack() {
	v.t.Helper()
	before := v.lives(431_000)
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
	if !v.Alive() {
		v.t.Errorf("%s: the session died of forged segments", v.What)
	}
	v.lives(before.Expires - 60)
}

// sentinel sends a harmless segment of the session, an acknowledgement that the
// receiver has seen long ago, and matches it.
func (v *victim) sentinel() func([]byte) bool {
	v.t.Helper()
	seq, ack := v.numbers()
	v.forge(wire.ACK, seq-1, ack-7, nil)
	return func(b []byte) bool {
		s := harness.TransportOf(b)
		return s.Flags == wire.ACK && s.Seq == seq-1 && s.Ack == ack-7 && s.Src.Port() == v.outside.Port()
	}
}
