package conntrack

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/test/parity"
)

// TestEvictionOrder: the oldest unreplied or half-open flow is evicted first, then the
// oldest closed one. Established and replied flows are not: the new flow is refused (T30,
// T33).
func TestEvictionOrder(t *testing.T) {
	parity.Proves(t, "T30", "T33")
	for _, logShards := range []int{0, shardBits} {
		fx := newFixture(t, Config{MaxFlows: 6, MaxHalfOpen: 6}, logShards)
		live, answered := fx.established(), fx.replied()
		dead := fx.closed()
		if logShards == 0 { // "oldest" is exact within a shard only
			half, asked, half2 := fx.syn(), fx.udp(), fx.syn()
			n1 := fx.established()
			fx.gone(half, live, answered, dead, asked, half2, n1)
			n2 := fx.established()
			fx.gone(asked, live, answered, dead, half2, n1, n2)
			n3 := fx.established()
			fx.gone(half2, live, answered, dead, n1, n2, n3)
		} else {
			fx.established()
			fx.established()
			fx.established()
		}
		n4 := fx.established()
		fx.gone(dead, live, answered, n4)
		if r := fx.add(udpPacket(in), fx.tuple(ProtoUDP)); r != TableFull {
			t.Errorf("a full table: Insert = %v, want TableFull", r)
		}
		if r := fx.add(tcpPacket(in, SYN, 0, 0), fx.tuple(ProtoTCP)); r != TableFull {
			t.Errorf("a full table: Insert = %v, want TableFull", r)
		}
		st := fx.table.Stats()
		if st.Flows != 6 || st.HalfOpen != 0 || st.RefusedFull != 2 || st.EvictedClosed != 1 {
			t.Errorf("stats %+v", st)
		}
		// An insert reclaims the entry of an expired flow without waiting for Expire.
		fx.now = fx.now.Add(200 * time.Second)
		for range 8 {
			fx.add(udpPacket(in), fx.tuple(ProtoUDP))
		}
		if logShards == 0 && fx.table.Stats().Expired == 0 {
			t.Error("a full table did not look for expired flows")
		}
	}
}

// TestHalfOpenLimit: at the limit the oldest half-open flow is evicted, whatever other
// flows there are.
func TestHalfOpenLimit(t *testing.T) {
	fx := newFixture(t, Config{MaxFlows: 100, MaxHalfOpen: 3}, 0)
	asked := fx.udp()
	a, b, d := fx.syn(), fx.syn(), fx.syn()
	e := fx.syn()
	fx.gone(a, asked, b, d, e)

	// A flow that becomes established no longer counts.
	fx.pass(b, tcpPacket(out, SYN|ACK, 4999, 100))
	fx.pass(b, tcpPacket(in, ACK, 100, 5000))
	if st := fx.table.Stats(); st.HalfOpen != 2 || st.Flows != 4 {
		t.Errorf("stats %+v", st)
	}
	f := fx.syn()
	fx.gone(a, asked, b, d, e, f)
	// A pickup is half-open too.
	k := fx.tuple(ProtoTCP)
	fx.add(tcpPacket(in, ACK, 0, 0), k)
	fx.gone(d, asked, b, e, f, k)
	if st := fx.table.Stats(); st.EvictedHalfOpen != 2 || st.HalfOpen != 3 {
		t.Errorf("stats %+v", st)
	}
	// A restarted flow counts again.
	fx.pass(b, tcpPacket(in, SYN, 70000, 0))
	fx.pass(b, tcpPacket(out, SYN|ACK, 1, 70001))
	fx.gone(e, asked, b, f, k)
	if st := fx.table.Stats(); st.EvictedHalfOpen != 3 || st.HalfOpen != 3 || st.Restarted != 1 {
		t.Errorf("stats %+v", st)
	}
}

// TestReplace: a new flow that replaces an ended one needs no further room.
func TestReplace(t *testing.T) {
	fx := newFixture(t, Config{MaxFlows: 2, MaxHalfOpen: 2}, 0)
	live, dead := fx.established(), fx.closed()
	if r := fx.add(tcpPacket(in, SYN, 7, 0), dead); r != Inserted {
		t.Errorf("Insert = %v", r)
	}
	fx.gone(fx.tuple(ProtoTCP), live, dead)
	st := fx.table.Stats()
	if st.Flows != 2 || st.HalfOpen != 1 || st.Replaced != 1 || st.EvictedClosed != 0 {
		t.Errorf("stats %+v", st)
	}
	if r := fx.add(PacketMeta{Class: ClassOther}, dead); r != Inserted {
		t.Errorf("Insert = %v", r)
	}
	if st := fx.table.Stats(); st.Flows != 2 || st.HalfOpen != 0 || st.Replaced != 2 {
		t.Errorf("stats %+v", st)
	}
}

// TestLimitsConcurrent: the limits hold at every moment while workers open, end and
// expire flows (run with -race).
func TestLimitsConcurrent(t *testing.T) {
	const maxFlows, maxHalfOpen, workers, rounds = 200, 50, 4, 20000
	table := NewTable(Config{MaxFlows: maxFlows, MaxHalfOpen: maxHalfOpen})
	tuples := manyTuples(3000)
	tmo := DefaultTimeouts()
	var wg sync.WaitGroup
	var clock atomic.Int64
	for w := range workers {
		wg.Go(func() {
			at := w * 7919
			for i := range rounds {
				now := Time(clock.Add(int64(time.Millisecond)))
				at = (at*31 + i) % len(tuples)
				k := &tuples[at]
				switch {
				case i%1000 == 999:
					table.Expire(now, 500)
				case i%500 == 499:
					table.Range(now, func(fi FlowInfo) bool { return fi.State != stateFree })
				case i%7 == 6:
					table.Delete(k, now)
				case i%3 == 0:
					establishSome(table, k, &tmo, now)
				default:
					s := tcpPacket(Direction(i&1), SYN, uint32(i), 0)
					e := table.Lock(k, now)
					if f := e.Flow(); f == nil {
						e.Insert(&s, 0, &tmo, now)
					} else {
						e.Update(&s, f.Assess(&s), &tmo, now)
					}
					e.Unlock()
				}
				if n := countEntries(table, i); n > maxFlows {
					t.Errorf("%d entries, the limit is %d", n, maxFlows)
				}
			}
		})
	}
	wg.Wait()

	flows, half := 0, 0
	table.Range(0, func(fi FlowInfo) bool {
		flows++
		if fi.State.HalfOpen() {
			half++
		}
		return true
	})
	st := table.Stats()
	ended := st.Expired + st.Deleted + st.EvictedHalfOpen + st.EvictedUnreplied + st.EvictedClosed
	if st.Flows != flows || st.HalfOpen != half || flows > maxFlows || half > maxHalfOpen ||
		st.Inserted-st.Replaced != uint64(flows)+ended {
		t.Errorf("%d flows, %d half-open, stats %+v", flows, half, st)
	}
}

// establishSome runs a handshake, which other workers may disturb.
func establishSome(t *Table, k *Tuple, tmo *Timeouts, now Time) {
	for i, s := range []PacketMeta{
		{Dir: Ingress, Class: ClassTCP, TCP: TCPSegment{Seq: 100, Flags: SYN}},
		{Dir: Egress, Class: ClassTCP, TCP: TCPSegment{Seq: 900, Ack: 101, Flags: SYN | ACK}},
		{Dir: Ingress, Class: ClassTCP, TCP: TCPSegment{Seq: 101, Ack: 901, Flags: ACK}},
	} {
		e := t.Lock(k, now)
		if f := e.Flow(); f != nil {
			e.Update(&s, f.Assess(&s), tmo, now)
		} else if i == 0 {
			e.Insert(&s, 0, tmo, now)
		}
		e.Unlock()
	}
}

// countEntries counts the entries with all shards locked, in every 256th round; in others
// it returns 0.
func countEntries(t *Table, i int) (n int) {
	if i%256 != 0 {
		return 0
	}
	for j := range t.shards {
		t.shards[j].mu.Lock()
		defer t.shards[j].mu.Unlock()
		n += int(t.shards[j].count)
	}
	return n
}
