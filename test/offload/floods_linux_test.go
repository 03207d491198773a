package offload

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/wire"
)

// TestFloods sends SYNs, acknowledgements and datagrams from many addresses: none of them is
// taken for a flow that has proven itself, and flows that have go on and are carried.
func TestFloods(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, flood = 7000, 3000
	d := harness.Enforce(t, h.Fw, policy(both(p), both(p), "max_flows: 2000"))
	servers(t, h, p)
	var conns, streams []net.Conn
	list := ways(h)[:4]
	for _, w := range list {
		conns = append(conns, carriedFlow(t, d, w, p))
		s := w.dial(t, "tcp", p)
		if err := echoed(s, random(1<<20)); err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
	}
	eth0, to := h.Outside.Device("eth0"), harness.AddrPort(ways(h)[0].dst, p)
	for n := range flood {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], 100<<24|uint32(n)<<4|1)
		from := netip.AddrPortFrom(netip.AddrFrom4(a), uint16(20000+n))
		for _, packet := range [][]byte{
			wire.TCP(from, to, wire.SYN, uint32(n), 0, nil),
			wire.TCP(from, to, wire.ACK, uint32(n)+1, 77, []byte("data")),
			wire.UDP(from, to, []byte("question")),
		} {
			if err := eth0.Send(packet); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := d.Status()
	for last := uint64(0); before.Queued() != last; before = d.Status() { // what waits for a verdict
		last = before.Queued()
		time.Sleep(refreshPause)
	}
	if s := before.Offload; s.Flows > 2*(len(conns)+len(streams)) || s.Opening > s.MaxOpening {
		t.Errorf("after a flood %+v", s)
	}
	for i, w := range list {
		goesOn(t, w.name+", after a flood", conns[i])
		if err := echoed(streams[i], random(1<<20)); err != nil {
			t.Errorf("%s: after a flood: %v", w.name, err)
		}
	}
	if carried, judged := carriedSince(t, d, before); carried < 10*judged {
		t.Errorf("after a flood %d were carried, %d judged", carried, judged)
	}
}

// TestNoRoom has more new flows than the sets have room for: those without are judged packet
// by packet, and nothing is lost.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, flows, room, rounds = 7000, 90, 256 / 4, 10
	d := harness.Enforce(t, h.Fw, policy(both(p), both(p), "max_flows: 256"))
	servers(t, h, p)
	w := ways(h)[0]
	before := d.Status()
	var conns []net.Conn
	for range flows {
		conns = append(conns, w.dial(t, "udp", p))
		if lost := asks(conns[len(conns)-1], rounds, harness.ArrivalTimeout); lost > 0 {
			t.Errorf("flow %d: %d of %d were not answered", len(conns), lost, rounds)
		}
	}
	carried, judged := carriedSince(t, d, before)
	if s := d.Status().Offload; s.MaxOpening != room || s.Opening > s.MaxOpening || s.Flows > s.Max {
		t.Errorf("room %+v, want %d for new flows", s, room)
	}
	// Of each flow the first packet, and of those without room more.
	if carried < 2*rounds*room/2 || judged < flows+(flows-room) || carried+judged < 2*rounds*flows {
		t.Errorf("%d were carried, %d judged", carried, judged)
	}
	if s := d.Status(); s.Packets("drop") > 0 {
		t.Errorf("dropped: %+v", s.Verdicts)
	}
	list := d.Flows()
	if len(list) != flows {
		t.Errorf("%d flows are listed, want %d", len(list), flows)
	}
	for _, f := range list {
		if n := (tally{f.Packets.Ingress, 0}); !n.near(tally{rounds, 0}) {
			t.Errorf("a flow has %+v, want %d each way", f, rounds)
		}
	}
}

// TestRepeatedSYNs repeats SYNs with data of addresses that nobody has: as often as somebody
// repeats one, nothing of what the kernel counts of it is an answer.
func TestRepeatedSYNs(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, flows, times = 7000, 20, 100
	d := harness.Enforce(t, h.Fw, policy(both(p), both(p)))
	servers(t, h, p)
	eth0, to := h.Outside.Device("eth0"), harness.AddrPort(ways(h)[0].dst, p)
	at := func(n int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, 0, 1, byte(n)}), 20000)
	}
	for n := range flows {
		syn := wire.TCP(at(n), to, wire.SYN, 1, 0, make([]byte, 1000))
		for range times {
			if err := eth0.Send(syn); err != nil {
				t.Fatal(err)
			}
		}
	}
	time.Sleep(time.Second) // they are judged
	for range 2 {
		time.Sleep(refreshPause)
		for n := range flows {
			f, ok := d.Flow("tcp", to.String(), at(n).String())
			if !ok {
				t.Fatalf("no flow of %s in %+v", at(n), d.Flows())
			}
			if f.State != "syn_sent" || f.Packets.Ingress != times {
				t.Errorf("a SYN that came %d times makes %+v", times, f)
			}
		}
	}
}
