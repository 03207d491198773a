package filter

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/test/parity"
)

// collected adds up what an accounting has.
type collected struct {
	traffic map[TrafficKey]Traffic
	missed  map[uint32]Unrecorded
}

func newCollected() *collected {
	return &collected{make(map[TrafficKey]Traffic), make(map[uint32]Unrecorded)}
}

func (c *collected) add(t *Traffic) {
	have, ok := c.traffic[t.TrafficKey]
	if !ok {
		c.traffic[t.TrafficKey] = *t
		return
	}
	have.Add(t)
	c.traffic[t.TrafficKey] = have
}

func (c *collected) miss(u Unrecorded) {
	have := c.missed[u.Index]
	c.missed[u.Index] = Unrecorded{u.Index, have.Packets + u.Packets, have.Bytes + u.Bytes}
}

// TestAccountAgainstNaive: whatever passes or is dropped, in whatever batches and however
// often it is collected, is what a map with an entry for each packet's 5-tuple, direction and
// fate says.
func TestAccountAgainstNaive(t *testing.T) {
	parity.Proves(t, "F9")
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	a := b.Account()
	random := rand.New(rand.NewPCG(5, 6))
	got, want := newCollected(), make(map[TrafficKey]Traffic)
	flagsOf := []conntrack.TCPFlags{conntrack.SYN, conntrack.SYN | conntrack.ACK, conntrack.ACK,
		conntrack.ACK | conntrack.PSH, conntrack.FIN | conntrack.ACK, conntrack.RST}
	logged := []uint8{2, 18, 0, 0, 1, 4}
	for range 2000 {
		b.wait(time.Duration(random.IntN(1000)) * time.Millisecond)
		b.Begin()
		for range random.IntN(8) {
			port, kind := uint16(79+random.IntN(3)), random.IntN(len(flagsOf)+2)
			from := uint16(40000 + random.IntN(3))
			var raw []byte
			var flags uint8
			proto, src, dst := uint8(conntrack.ProtoTCP), from, port
			ev := Event{Hook: HookInput, In: 2}
			out := random.IntN(4) == 0
			switch {
			case kind == len(flagsOf):
				raw, proto = udp4(client, us, from, port), conntrack.ProtoUDP
				out = false
			case kind > len(flagsOf):
				raw, proto = icmp4(client, us, 8, 0, uint32(port), nil), conntrack.ProtoICMP
				src, dst, out = 0, 0, false
			case out:
				raw, flags = tcp4(us, client, port, from, 1, 1, flagsOf[kind]), logged[kind]
				ev, src, dst = Event{Hook: HookOutput, Out: 2}, port, from
			default:
				raw, flags = tcp4(client, us, from, port, 1, 1, flagsOf[kind]), logged[kind]
			}
			ev.Frame = packet.Frame{Bytes: raw}
			passed := b.Decide(&ev)
			k := TrafficKey{Index: 2, Accepted: passed}
			near, far := conntrack.Addr4(us), conntrack.Addr4(client)
			k.Tuple = conntrack.NewTuple(b.Last().Scope, conntrack.Ingress, proto, far, near, src, dst)
			if out {
				k.Direction = conntrack.Egress
				k.Tuple = conntrack.NewTuple(b.Last().Scope, conntrack.Egress, proto, near, far, src, dst)
			}
			one := want[k]
			if one.Packets == 0 {
				one = Traffic{TrafficKey: k, First: b.now, Generation: 1, Rule: b.Last().Rule,
					Reason: b.Last().Reason}
			}
			one.Packets++
			one.Bytes += uint64(len(raw))
			one.Last = b.now
			one.TCPFlags |= flags
			want[k] = one
		}
		b.End()
		if random.IntN(10) == 0 {
			a.Collect(got.add, got.miss)
		}
	}
	a.Close(got.add, got.miss)
	if len(want) < 20 || len(got.missed) != 0 {
		t.Fatalf("%d kinds of traffic, %d missed", len(want), len(got.missed))
	}
	for k, w := range want {
		if g := got.traffic[k]; g != w {
			t.Errorf("\n%+v, want\n%+v", g, w)
		}
	}
	if len(got.traffic) != len(want) {
		t.Errorf("%d kinds of traffic, want %d", len(got.traffic), len(want))
	}
	b.in(udp4(client, us, 1, 1))
	a.Collect(func(t2 *Traffic) { t.Errorf("after the end: %+v", t2) }, got.miss)
}

// TestAccountLeavesOut: what is exempt or a failsafe is in no flow log.
func TestAccountLeavesOut(t *testing.T) {
	parity.Proves(t, "F13", "X1")
	for _, r := range Reasons() {
		want := r != ReasonFailsafe && r != ReasonBridged && r.Exemption() == policy.NoExemption
		if r.logged() != want {
			t.Errorf("%s: %v", r, r.logged())
		}
	}
	p := onePolicy()
	p.Settings.Exempt = policy.Set[policy.Exemption](0).With(policy.ExemptMetadata)
	b := newBench(t, p)
	a := b.Account()
	expect(t, "to the metadata service", b.out(tcp4(us, [4]byte{169, 254, 169, 254}, 40000, 80, 1, 0,
		conntrack.SYN)), ReasonExemptMetadata)
	a.Close(func(x *Traffic) { t.Errorf("%+v", x) }, func(u Unrecorded) { t.Errorf("%+v", u) })
}

// TestAccountBounds: more kinds of traffic than there is room for are counted, packet by
// packet, and nothing is allocated.
func TestAccountBounds(t *testing.T) {
	parity.Proves(t, "F11")
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	a := b.Account()
	defer a.Close(func(*Traffic) {}, func(Unrecorded) {})
	const flood = 40000 // nobody collects: two ledgers have to do
	frames := make([]Event, flood)
	for i := range frames {
		frames[i] = Event{Frame: frame(udp4(stranger(i), us, uint16(1+i/256), 53)), Hook: HookInput,
			In: 2}
	}
	if n := testing.AllocsPerRun(1, func() {
		for at := 0; at < flood; at += 64 {
			b.Begin()
			for i := at; i < min(at+64, flood); i++ {
				b.Decide(&frames[i])
			}
			b.End()
		}
	}); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
	select {
	case <-a.Due():
	default:
		t.Error("nobody is told that a ledger is half full")
	}
	got := newCollected()
	a.Collect(got.add, got.miss)
	var packets uint64
	for _, x := range got.traffic {
		packets += x.Packets
	}
	missed := got.missed[2]
	if packets+missed.Packets != 2*flood || missed.Bytes != 32*missed.Packets || packets == 0 ||
		missed.Packets == 0 {
		t.Errorf("%d packets in records, %+v missed, of %d", packets, missed, 2*flood)
	}
}

// TestAccountConcurrently: while workers are in batches nothing is lost or counted twice.
func TestAccountConcurrently(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	a := b.Account()
	const workers, each = 3, 20000
	var wg sync.WaitGroup
	for n := range workers {
		w := b.Worker
		if n > 0 {
			w = b.NewWorker()
		}
		wg.Go(func() {
			for i := range each {
				w.Begin()
				ev := Event{Frame: frame(udp4(stranger(i%50), us, uint16(n), 53)), Hook: HookInput, In: 2}
				w.Decide(&ev)
				w.End()
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	got := newCollected()
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		a.Collect(got.add, got.miss)
	}
	a.Close(got.add, got.miss)
	var packets uint64
	for _, x := range got.traffic {
		packets += x.Packets
	}
	if packets != workers*each || len(got.missed) > 0 {
		t.Errorf("%d packets, want %d; missed %v", packets, workers*each, got.missed)
	}
}

// TestAccountCarried: what the kernel passed by itself is accepted traffic of the flow.
func TestAccountCarried(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	a := b.Account()
	b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN))
	path := func(back bool) Path {
		p := Path{In: 2, Src: conntrack.Addr4(client), Dst: conntrack.Addr4(us), SrcPort: 40000,
			DstPort: 80, Proto: conntrack.ProtoTCP}
		if back {
			p = Path{Out: 2, Src: p.Dst, Dst: p.Src, SrcPort: 80, DstPort: 40000, Proto: p.Proto}
		}
		return p
	}
	b.Begin()
	b.Credit(path(true), conntrack.Seen{Packets: 1, Bytes: 60, Handshake: true})
	b.Credit(path(true), conntrack.Seen{Packets: 10, Bytes: 6000})
	b.Credit(path(false), conntrack.Seen{Packets: 5, Bytes: 300})
	b.Credit(path(true), conntrack.Seen{Bytes: 40})
	b.End()
	got := newCollected()
	a.Close(got.add, got.miss)
	for k, x := range got.traffic {
		want := [2]uint64{6, 340}
		flags := uint8(2)
		if k.Direction == conntrack.Egress {
			want, flags = [2]uint64{11, 6100}, 18
		}
		if !k.Accepted || x.Packets != want[0] || x.Bytes != want[1] || x.TCPFlags != flags {
			t.Errorf("%+v, want %v with flags %d", x, want, flags)
		}
	}
	if len(got.traffic) != 2 {
		t.Errorf("%d kinds of traffic", len(got.traffic))
	}
}

// BenchmarkAccount is BenchmarkEstablished without and with a flow log, collected once a
// second as the daemon does.
func BenchmarkAccount(b *testing.B) {
	for _, flows := range []int{1, 1000, 4000} {
		for _, on := range []bool{false, true} {
			b.Run(fmt.Sprintf("flows=%d/log=%v", flows, on), func(b *testing.B) {
				segments := make([][]byte, flows)
				e := benchEngine(1000, 2*flows)
				w := e.NewWorker()
				for i := range segments {
					segments[i] = open(w, i, 1000)
				}
				order := rand.New(rand.NewPCG(7, 8)).Perm(flows)
				if on {
					a := e.Account()
					defer a.Close(func(*Traffic) {}, func(Unrecorded) {})
				}
				i := 0
				run(b, e, w, func(buf []byte, _ int) {
					copy(buf, segments[order[i]])
					if i++; i == flows {
						i = 0
					}
				}, true)
			})
		}
	}
}
