package conntrack

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sgfw/test/parity"
)

// model drives the table and naiveTable with the same packets and compares their
// answers and contents.
type model struct {
	table  *Table
	naive  *naiveTable
	now    Time
	tuples []Tuple
	// swept: expired flows are removed at once, so that both see the same at the limits.
	swept bool
	// shares, if not nil, draws guarantees.
	shares *rapid.Generator[int]
	want   [4]int // by scope
	// isn are the initial sequence numbers of new connections.
	isn [2]uint32
}

func newModel(maxFlows, maxHalfOpen, logShards int, swept bool) *model {
	local, remote := Addr4([4]byte{192, 0, 2, 1}), Addr4([4]byte{198, 51, 100, 7})
	m := &model{
		table: newTable(
			Config{MaxFlows: maxFlows, MaxHalfOpen: maxHalfOpen, Seed: [2]uint64{7, 7}}, logShards),
		naive: newNaive(maxFlows, maxHalfOpen),
		swept: swept,
	}
	for i := range uint16(5) {
		m.tuples = append(m.tuples,
			NewTuple(1, Egress, ProtoTCP, local, remote, 40000+i, 443),
			NewTuple(1, Egress, ProtoUDP, local, remote, 40000+i, 53))
	}
	m.tuples = append(m.tuples,
		NewTuple(2, Egress, ProtoTCP, local, remote, 40000, 443), // other scopes
		NewTuple(2, Egress, ProtoTCP, local, remote, 40001, 443),
		NewTuple(2, Egress, ProtoTCP, local, remote, 40002, 443),
		NewTuple(2, Egress, ProtoUDP, local, remote, 40000, 53),
		NewTuple(2, Egress, ProtoUDP, local, remote, 40001, 53),
		NewTuple(3, Egress, ProtoTCP, local, remote, 40000, 443),
		NewTuple(3, Egress, ProtoUDP, local, remote, 40000, 53),
		NewTuple(1, Egress, ProtoICMP, local, remote, 77, QueryPort(8)),
		NewTuple(1, Egress, ProtoICMP, local, remote, 78, QueryPort(8)),
		NewTuple(1, Egress, ProtoICMP, local, remote, 79, QueryPort(8)),
		NewTuple(1, Egress, 50, local, remote, 0, 0),
		NewTuple(1, Egress, 47, local, remote, 0, 0))
	return m
}

func classOf(k Tuple) Class {
	switch k.Proto() {
	case ProtoTCP:
		return ClassTCP
	case ProtoUDP:
		return ClassUDP
	case ProtoICMP:
		return ClassQuery
	}
	return ClassOther
}

var modelFlags = []TCPFlags{
	SYN, SYN | ACK, ACK, ACK, ACK, ACK | PSH, FIN | ACK, FIN | ACK, RST, RST | ACK,
	SYN | ECE | CWR, 0, FIN, SYN | FIN, RST | SYN, ACK | URG, FIN | RST | ACK, SYN | URG,
}

// segment draws a segment. Its numbers are mostly near those that change something.
func (m *model) segment(rt *rapid.T, d Direction, f *naiveFlow) TCPSegment {
	a, b := m.isn[d], m.isn[1-d]
	me := naiveSide{end: int64(a), top: int64(a), ack: b}
	peer := naiveSide{end: int64(b), top: int64(b), ack: a}
	if f != nil {
		me, peer = f.side[d], f.side[1-d]
	}
	far := []uint32{0, 1 << 30, 1<<30 - 1, 1<<31 - 1, 1 << 31, 1<<31 + 1, 0xffffffff}
	end := uint32(me.end)
	seqs := []uint32{end, end, end, uint32(me.top), peer.ack, end - 1}
	acks := []uint32{uint32(peer.end), uint32(peer.top), uint32(peer.top), me.ack}
	seqOffsets := []uint32{0, 0, 0, 0, 1, 99, 100, ^uint32(0), ^uint32(99)}
	ackOffsets := []uint32{0, 0, 0, 0, 0, 1, 50, 100, ^uint32(0)}
	if f != nil {
		acks = append(acks, f.claim)
	}
	s := TCPSegment{
		Seq:   rapid.SampledFrom(seqs).Draw(rt, "seq") + rapid.SampledFrom(seqOffsets).Draw(rt, "seq+"),
		Ack:   rapid.SampledFrom(acks).Draw(rt, "ack") + rapid.SampledFrom(ackOffsets).Draw(rt, "ack+"),
		Len:   rapid.SampledFrom([]uint32{0, 0, 0, 1, 100, 100, 1448}).Draw(rt, "len"),
		Flags: rapid.SampledFrom(modelFlags).Draw(rt, "flags"),
	}
	if rapid.IntRange(0, 19).Draw(rt, "odd") == 0 {
		s.Seq += rapid.SampledFrom(far).Draw(rt, "far seq")
		s.Ack += rapid.SampledFrom(far).Draw(rt, "far ack")
	}
	return s
}

func (m *model) packet(rt *rapid.T) {
	k := rapid.SampledFrom(m.tuples).Draw(rt, "tuple")
	s := PacketMeta{
		Dir:   Direction(rapid.IntRange(0, 1).Draw(rt, "dir")),
		Class: classOf(k),
		Bytes: rapid.Uint32Range(40, 1500).Draw(rt, "bytes"),
	}
	tf := m.naive.get(k, m.now)
	switch s.Class {
	case ClassTCP:
		s.TCP = m.segment(rt, s.Dir, tf)
	case ClassQuery:
		s.Reply = rapid.Bool().Draw(rt, "reply")
	}
	permit := rapid.IntRange(0, 3).Draw(rt, "permit") > 0
	tmo := DefaultTimeouts()
	if rapid.IntRange(0, 9).Draw(rt, "short") == 0 { // T20
		tmo = Timeouts{
			Established: 600 * time.Second, HalfClosed: 60 * time.Second, UDP: 35 * time.Second,
			UDPStream: 60 * time.Second,
		}
	}
	m.apply(rt, k, s, permit, tmo, rapid.Uint32().Draw(rt, "rule"))
}

// apply gives a packet to both tables and compares.
func (m *model) apply(tb rapid.TB, k Tuple, p PacketMeta, permit bool, tmo Timeouts, rule uint32) {
	tf := m.naive.get(k, m.now)
	e := m.table.Lock(&k, m.now)
	defer e.Unlock()
	f := e.Flow()
	if (f == nil) != (tf == nil) {
		tb.Fatalf("flow %v, naive %v", f, tf)
	}
	open := func() {
		got, want := e.Insert(&p, rule, &tmo, m.now), m.naive.insert(k, p, rule, tmo, m.now)
		if got != want {
			tb.Fatalf("Insert(%+v) = %v, naive %v", p, got, want)
		}
	}
	switch {
	case f != nil:
		before := *f
		o, want := f.Assess(&p), tf.assess(p)
		if *f != before {
			tb.Fatalf("Assess(%+v) changed the flow", p)
		}
		if o != want {
			tb.Fatalf("Assess(%+v) of %+v = %v, naive %v", p, *f, o, want)
		}
		switch {
		case o == OutcomeReopen && permit:
			open()
		case o == OutcomeMember, permit:
			e.Update(&p, o, &tmo, m.now)
			m.naive.update(k, p, o, tmo, m.now)
		}
	case permit:
		open()
	}
	m.compare(tb, k, e.Flow(), p)
}

// compare compares one flow in both tables.
func (m *model) compare(tb rapid.TB, k Tuple, f *Flow, p PacketMeta) {
	tf := m.naive.flows[k]
	if (f == nil) != (tf == nil) {
		tb.Fatalf("after %+v: flow %v, naive %v", p, f, tf)
	}
	if f == nil {
		return
	}
	got, want := f.Info(), tf.info(k)
	if d := cmp.Diff(want, got, cmp.AllowUnexported(Tuple{})); d != "" {
		tb.Fatalf("after %+v: flow differs (-naive +table):\n%s\n%+v", p, d, *f)
	}
	if f.class != ClassTCP || f.state.Closed() {
		return
	}
	for d := range f.half {
		t := tf.side[d]
		if w := (half{uint32(t.end), uint32(t.top), t.ack}); t.known && w != f.half[d] {
			tb.Fatalf("after %+v: %v shows %+v, naive %+v; state %v",
				p, Direction(d), f.half[d], w, f.state)
		}
	}
}

func (f *naiveFlow) info(k Tuple) FlowInfo {
	g := Time(Granularity)
	return FlowInfo{
		Tuple: k, State: f.state, Class: f.class, Opener: f.opener, Rule: f.rule,
		Created: f.created / g * g, Expires: f.deadline, Packets: f.packets, Bytes: f.bytes,
	}
}

func (m *model) wait(rt *rapid.T) {
	m.now += Time(rapid.SampledFrom([]time.Duration{
		0, time.Millisecond, time.Second, 9 * time.Second, 10 * time.Second, 29 * time.Second,
		30*time.Second + Granularity, 61 * time.Second, 121 * time.Second, 181 * time.Second,
		301 * time.Second, 601 * time.Second, 432001 * time.Second,
	}).Draw(rt, "wait"))
	if m.swept {
		m.naive.guarantee(m.want) // as Expire does first
		m.table.Expire(m.now, 1<<20)
		m.naive.sweep(m.now)
		m.settle()
	}
}

// settle has the guarantees come into force that found no room before.
func (m *model) settle() {
	m.table.Expire(m.now, 1)
	m.naive.guarantee(m.want)
}

func (m *model) delete(rt *rapid.T) {
	k := rapid.SampledFrom(m.tuples).Draw(rt, "tuple")
	live := m.naive.get(k, m.now) != nil
	if got := m.table.Delete(&k, m.now); got != live {
		rt.Fatalf("Delete = %v, naive has %v", got, live)
	}
	if live {
		delete(m.naive.flows, k)
		m.naive.stats.Deleted++
	}
}

// guarantee gives the scopes other guarantees.
func (m *model) guarantee(rt *rapid.T) {
	if m.shares == nil {
		return
	}
	var want [4]int
	var list []Guarantee
	for n := range want[1:] {
		if flows := m.shares.Draw(rt, "guarantee"); flows > 0 {
			want[n+1] = flows
			list = append(list, Guarantee{Scope: Scope(n + 1), Flows: flows})
		}
	}
	m.want = want
	m.table.Guarantee(list)
	m.naive.guarantee(want)
}

func (m *model) run(rt *rapid.T) {
	isns := rapid.SampledFrom([]uint32{
		1000, 0, 0xffffffff, 0xffffff00, 0x7fffffff, 0x7fffff00, 1<<30 - 50,
	})
	m.isn = [2]uint32{isns.Draw(rt, "isn in"), isns.Draw(rt, "isn out")}
	rt.Repeat(map[string]func(*rapid.T){
		"packet": m.packet, "packet 2": m.packet, "packet 3": m.packet, "packet 4": m.packet,
		"wait": m.wait, "delete": m.delete, "guarantee": m.guarantee,
		"": m.check,
	})
}

// TestModelFree: limits are never reached; expired flows are found by lookups.
func TestModelFree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) { newModel(1000, 1000, shardBits, false).run(rt) })
}

// TestModelLimits: a table of a few flows, some of them half-open (T30-T33).
func TestModelLimits(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		flows := rapid.IntRange(1, 8).Draw(rt, "flows")
		halfOpen := rapid.IntRange(1, 4).Draw(rt, "half-open")
		newModel(flows, halfOpen, 0, true).run(rt)
	})
}

// TestModelShares: scopes with guarantees that change share a table of a few flows.
func TestModelShares(t *testing.T) {
	parity.Proves(t, "T30")
	rapid.Check(t, func(rt *rapid.T) {
		flows := rapid.IntRange(1, 12).Draw(rt, "flows")
		m := newModel(flows, rapid.IntRange(1, 6).Draw(rt, "half-open"), 0, true)
		m.shares = rapid.IntRange(0, flows)
		m.run(rt)
	})
}

// TestModelOneFlow: every packet belongs to the same TCP flow, so that long histories and
// late states are reached.
func TestModelOneFlow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(10, 10, 0, true)
		m.tuples = m.tuples[:1]
		m.run(rt)
	})
}

// FuzzTCP gives one flow the packets that the fuzzer writes, six bytes each:
//
//	0  flags (index), direction 0x40, permitted 0x80
//	1  what the sequence number is near to
//	2  how far from it
//	3  what the acknowledgement is near to
//	4  how far from it
//	5  length 0-15 in 97 byte steps, and seconds to wait, in powers of two
func FuzzTCP(f *testing.F) {
	f.Add([]byte("\x80\x00\x80\x00\x80\x00" + "\xc1\x00\x80\x00\x80\x00" +
		"\x82\x00\x80\x00\x80\x01" + "\xc6\x00\x80\x01\x80\x00" + "\x86\x00\x80\x01\x80\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := newModel(2, 2, 0, true)
		m.isn = [2]uint32{0xffffff80, 0x7fffff80}
		k := m.tuples[0]
		for ; len(data) >= 6; data = data[6:] {
			d := Direction(data[0] >> 6 & 1)
			me := naiveSide{end: int64(m.isn[d]), ack: m.isn[1-d]}
			peer := naiveSide{end: int64(m.isn[1-d]), ack: m.isn[d]}
			var claim uint32
			if tf := m.naive.flows[k]; tf != nil {
				me, peer, claim = tf.side[d], tf.side[1-d], tf.claim
			}
			end, peerEnd := uint32(me.end), uint32(peer.end)
			seqs := [...]uint32{end, uint32(me.top), peer.ack, 0, end + 1<<30, end + 1<<31}
			acks := [...]uint32{
				peerEnd, uint32(peer.top), me.ack, claim, peerEnd + 1<<30, peerEnd + 1<<31,
			}
			s := PacketMeta{Dir: d, Class: ClassTCP, Bytes: 40, TCP: TCPSegment{
				Seq:   seqs[int(data[1])%len(seqs)] + uint32(data[2]) - 128,
				Ack:   acks[int(data[3])%len(acks)] + uint32(data[4]) - 128,
				Len:   uint32(data[5]&15) * 97,
				Flags: modelFlags[int(data[0]&63)%len(modelFlags)],
			}}
			m.apply(t, k, s, data[0]&0x80 != 0, DefaultTimeouts(), 1)
			if w := data[5] >> 4; w != 0 {
				m.now = m.now.Add(time.Second << w)
				m.table.Expire(m.now, 1000)
				m.naive.sweep(m.now)
			}
		}
	})
}
