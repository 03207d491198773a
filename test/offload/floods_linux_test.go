package offload

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
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

// TestRoomOfEachDevice floods from one guest: it fills its part of the kernel's room and the
// common one, and the new flows of another guest are carried all the same.
func TestRoomOfEachDevice(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, silent, forbidden, flows, rounds = 7000, 7001, 7002, 6, 10
	text := strings.Replace(policy(nil, both(p, silent), "max_flows: 256"), "settings:",
		"  - { device: veth-db, mode: guest, security_groups: [carried] }\nsettings:", 1)
	d := harness.Enforce(t, h.Fw, text)
	servers(t, h, p)
	in := harness.NewInbox(t, h.Outside, harness.AddrPort(h.OutsideIPs[0], silent))
	stop := make(chan struct{})
	var flooding sync.WaitGroup
	flooding.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			from := harness.AddrPort(h.AppIPs[0], 1024+n%60000)
			to := harness.AddrPort(h.OutsideIPs[0], silent)
			for _, packet := range [][]byte{wire.UDP(from, to, []byte("flood")),
				wire.TCP(from, to, wire.SYN, 1, 0, nil)} {
				if err := h.App.Device("eth0").Send(packet); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for end := time.Now().Add(harness.ArrivalTimeout); d.Status().Offload.NoRoom < 20; {
		if time.Now().After(end) {
			t.Fatal("the flood finds room for all")
		}
		time.Sleep(refreshPause)
	}
	if _, ok := in.Receives([]byte("flood"), harness.ArrivalTimeout); !ok {
		t.Error("what finds no room does not pass")
	}
	w := way{name: "another guest", from: h.DB, to: h.Outside, dst: h.OutsideIPs[0]}
	before := d.Status()
	for i := range flows {
		if lost := asks(w.dial(t, "udp", p), rounds, harness.ArrivalTimeout); lost > 0 {
			t.Errorf("flow %d of another guest: %d of %d were not answered", i, lost, rounds)
		}
	}
	if carried, _ := carriedSince(t, d, before); carried < flows*(2*rounds-4) {
		t.Errorf("of another guest %d were carried, want nearly %d", carried, flows*2*rounds)
	}
	if lost := asks(w.dial(t, "udp", forbidden), 1, harness.SilenceTimeout); lost != 1 {
		t.Error("a port without a rule answers")
	}
	close(stop)
	flooding.Wait()
}

// TestNoRoom has more new flows than the sets have room for: those without are judged packet
// by packet, and nothing is lost. That is counted. What no rule permits does not pass, in
// either direction.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	h := harness.NewHome(t)
	const p, forbidden, flows, room, rounds = 7000, 7001, 90, 256 / 4, 10
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
	s := d.Status()
	if s.Packets("drop") > 0 {
		t.Errorf("dropped: %+v", s.Verdicts)
	}
	if n := s.Offload.NoRoom; n < flows-room {
		t.Errorf("%d times there was no room, want at least %d", n, flows-room)
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
	servers(t, h, forbidden)
	for _, w := range ways(h) {
		if lost := asks(w.dial(t, "udp", p), rounds, harness.ArrivalTimeout); lost > 0 {
			t.Errorf("%s: %d of %d were not answered", w.name, lost, rounds)
		}
		if lost := asks(w.dial(t, "udp", forbidden), 2, harness.SilenceTimeout); lost != 2 {
			t.Errorf("%s: a port without a rule answers", w.name)
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
