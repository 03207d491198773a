package conntrack

import (
	"math/rand/v2"
	"testing"
	"time"
)

// tcpPacket is a TCP segment without data.
func tcpPacket(d Direction, f TCPFlags, seq, ack uint32) PacketMeta {
	return PacketMeta{Dir: d, Class: ClassTCP, TCP: TCPSegment{Seq: seq, Ack: ack, Flags: f}}
}

// udpPacket is a UDP datagram.
func udpPacket(d Direction) PacketMeta { return PacketMeta{Dir: d, Class: ClassUDP} }

// dataSegment is an ingress segment with data, for a flow that [establish] opened.
var dataSegment = PacketMeta{
	Dir: Ingress, Class: ClassTCP, Bytes: 1500,
	TCP: TCPSegment{Seq: 101, Ack: 901, Len: 1448, Flags: ACK},
}

// manyTuples returns n TCP tuples with different remote hosts and ports.
func manyTuples(n int) []Tuple {
	r := rand.New(rand.NewPCG(1, 2))
	ts := make([]Tuple, n)
	for i := range ts {
		ts[i] = NewTuple(1, Ingress, ProtoTCP,
			Addr4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), Addr4([4]byte{192, 0, 2, 1}),
			uint16(r.Uint32()), 443)
	}
	return ts
}

// establish brings a flow into StateEstablished at now.
func establish(tb testing.TB, t *Table, k *Tuple, now Time) {
	tb.Helper()
	establishIn(tb, t, k, now, 0)
}

// establishIn is establish in a lane.
func establishIn(tb testing.TB, t *Table, k *Tuple, now Time, lane uint8) {
	tb.Helper()
	tmo := DefaultTimeouts()
	for i, s := range []PacketMeta{
		{Dir: Ingress, Class: ClassTCP, Bytes: 60, TCP: TCPSegment{Seq: 100, Flags: SYN}},
		{Dir: Egress, Class: ClassTCP, Bytes: 60, TCP: TCPSegment{Seq: 900, Ack: 101, Flags: SYN | ACK}},
		{Dir: Ingress, Class: ClassTCP, Bytes: 52, TCP: TCPSegment{Seq: 101, Ack: 901, Flags: ACK}},
	} {
		s.Lane = lane
		e := t.Lock(k, now)
		if i == 0 {
			if got := e.Insert(&s, 7, &tmo, now); got != Inserted {
				tb.Fatalf("insert: %v", got)
			}
		} else {
			e.Update(&s, e.Flow().Assess(&s), &tmo, now)
		}
		if i == 2 && e.Flow().State() != StateEstablished {
			tb.Fatalf("state %v after the handshake", e.Flow().State())
		}
		e.Unlock()
	}
}

// fixture is a table that a test fills with flows in known states. Each new flow comes a
// second after the one before.
type fixture struct {
	testing.TB
	table *Table
	tmo   Timeouts
	now   Time
	next  uint16 // the host of the next remote address
}

func newFixture(tb testing.TB, cfg Config, logShards int) *fixture {
	return &fixture{TB: tb, table: newTable(cfg, logShards), tmo: DefaultTimeouts()}
}

func (fx *fixture) tuple(proto uint8) Tuple {
	fx.next++
	remote := Addr4([4]byte{203, 0, 113 + byte(fx.next>>8), byte(fx.next)})
	local := Addr4([4]byte{192, 0, 2, 1})
	return NewTuple(1, Ingress, proto, remote, local, 1000, 2000)
}

func (fx *fixture) add(p PacketMeta, k Tuple) InsertResult {
	fx.now = fx.now.Add(time.Second)
	e := fx.table.Lock(&k, fx.now)
	defer e.Unlock()
	return e.Insert(&p, 0, &fx.tmo, fx.now)
}

func (fx *fixture) syn() Tuple {
	k := fx.tuple(ProtoTCP)
	fx.add(tcpPacket(in, SYN, 99, 0), k)
	return k
}

func (fx *fixture) udp() Tuple {
	k := fx.tuple(ProtoUDP)
	fx.add(udpPacket(in), k)
	return k
}

func (fx *fixture) query() Tuple {
	k := fx.tuple(ProtoICMP)
	fx.add(PacketMeta{Dir: in, Class: ClassQuery}, k)
	return k
}

func (fx *fixture) other() Tuple {
	k := fx.tuple(47)
	fx.add(PacketMeta{Dir: in, Class: ClassOther}, k)
	return k
}

func (fx *fixture) replied() Tuple {
	k := fx.udp()
	fx.pass(k, udpPacket(out))
	return k
}

func (fx *fixture) established() Tuple {
	k := fx.tuple(ProtoTCP)
	fx.now = fx.now.Add(time.Second)
	establish(fx, fx.table, &k, fx.now)
	return k
}

func (fx *fixture) closed() Tuple {
	k := fx.established()
	fx.pass(k, tcpPacket(in, RST, 101, 0))
	return k
}

func (fx *fixture) pass(k Tuple, p PacketMeta) {
	e := fx.table.Lock(&k, fx.now)
	defer e.Unlock()
	e.Update(&p, e.Flow().Assess(&p), &fx.tmo, fx.now)
}

func (fx *fixture) has(k Tuple) bool {
	e := fx.table.Lock(&k, fx.now)
	defer e.Unlock()
	return e.Flow() != nil
}

// gone asserts that one flow was evicted and that the others were not.
func (fx *fixture) gone(want Tuple, others ...Tuple) {
	fx.Helper()
	if fx.has(want) {
		fx.Errorf("%v is still there", want)
	}
	for _, k := range others {
		if !fx.has(k) {
			fx.Errorf("%v is gone", k)
		}
	}
}

// untracked opens an untracked flow.
func (fx *fixture) untracked(p PacketMeta, k Tuple) {
	fx.now = fx.now.Add(time.Second)
	e := fx.table.Lock(&k, fx.now)
	defer e.Unlock()
	e.InsertUntracked(&p, 7, &fx.tmo, fx.now)
}

// revoke revokes the flow of a tuple as a caller does: with what Range returns.
func (fx *fixture) revoke(k Tuple) (done bool) {
	fx.table.Range(fx.now, func(f FlowInfo) bool {
		if f.Tuple == k {
			done = fx.table.Revoke(&f, fx.now)
		}
		return true
	})
	return done
}

// assess returns what a packet means for the flow of a tuple.
func (fx *fixture) assess(k Tuple, p PacketMeta) Outcome {
	fx.Helper()
	e := fx.table.Lock(&k, fx.now)
	defer e.Unlock()
	if e.Flow() == nil {
		fx.Fatal("no flow")
	}
	return e.Flow().Assess(&p)
}
