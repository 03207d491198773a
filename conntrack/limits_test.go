package conntrack

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/test/parity"
)

// TestEvictionOrder: a full table makes room with the oldest flow of the kind that has
// most: half-open and closed connections, and whatever is no TCP. Only open
// connections are never evicted: among themselves the new flow is refused (T30, T33).
func TestEvictionOrder(t *testing.T) {
	parity.Proves(t, "T30", "T33")
	for _, logShards := range []int{0, shardBits} {
		fx := newFixture(t, Config{MaxFlows: 8, MaxHalfOpen: 8}, logShards)
		live := fx.established()
		kinds := map[Tuple]bool{fx.replied(): true}
		for range 2 {
			kinds[fx.query()], kinds[fx.syn()] = true, true
		}
		kinds[fx.other()], kinds[fx.closed()] = true, true
		// Of eight flows seven can be evicted, for seven connections.
		open := []Tuple{live}
		for range 7 {
			open = append(open, fx.established())
		}
		for k := range kinds {
			fx.gone(k, open...)
		}
		for _, p := range []PacketMeta{
			udpPacket(in), tcpPacket(in, SYN, 0, 0), {Class: ClassQuery}, {Class: ClassOther},
		} {
			if r := fx.add(p, fx.tuple(ProtoTCP)); r != TableFull {
				t.Errorf("a full table: Insert(%+v) = %v, want TableFull", p, r)
			}
		}
		st := fx.table.Stats()
		if st.Flows != 8 || st.HalfOpen != 0 || st.RefusedFull != 4 || st.EvictedClosed != 1 ||
			st.EvictedHalfOpen != 2 || st.EvictedUnreplied != 3 || st.EvictedAnswered != 1 {
			t.Errorf("stats %+v", st)
		}
	}
}

// TestReclaim: an insert into a full table takes the place of an expired flow without
// waiting for Expire.
func TestReclaim(t *testing.T) {
	fx := newFixture(t, Config{MaxFlows: 4}, 0)
	a, b := fx.udp(), fx.udp()
	fx.established()
	fx.established()
	fx.now = fx.now.Add(200 * time.Second)
	c := fx.established()
	fx.gone(a, c)
	fx.gone(b, c)
	if st := fx.table.Stats(); st.Expired == 0 || st.EvictedUnreplied != 0 {
		t.Errorf("a full table did not look for expired flows: %+v", st)
	}
}

// TestLargestKindMakesRoom: of the kinds in a full table the one that has most makes
// room, oldest first, whatever else is older.
func TestLargestKindMakesRoom(t *testing.T) {
	fx := newFixture(t, Config{MaxFlows: 8, MaxHalfOpen: 8}, 0)
	half, asked, dead := fx.syn(), fx.udp(), fx.closed()
	pings := []Tuple{fx.query(), fx.query(), fx.query(), fx.query()}
	alive := fx.established()
	for i := range 2 {
		n := fx.established()
		fx.gone(pings[i], append(pings[i+1:], half, asked, dead, alive, n)...)
	}
	// Two pings and, with the new one, two half-open connections: pings first.
	n := fx.syn()
	fx.gone(pings[2], pings[3], half, asked, dead, alive, n)
	// One ping, datagram and dead connection, three half-open ones.
	fx.syn()
	fx.gone(half, n, pings[3], asked, dead, alive)
}

// TestFloodOfOneKind: whatever a stranger with invented addresses can bring about,
// answered or not, takes no more than a share, and takes no place from the first packet
// of another connection, from one that is being closed, or from another kind.
func TestFloodOfOneKind(t *testing.T) {
	const most = 64
	stream := func(fx *fixture) Tuple {
		k := fx.replied()
		fx.pass(k, udpPacket(in))
		fx.pass(k, udpPacket(out))
		return k
	}
	answeredPing := func(fx *fixture) Tuple {
		k := fx.query()
		fx.pass(k, PacketMeta{Dir: out, Class: ClassQuery, Reply: true})
		return k
	}
	answeredOther := func(fx *fixture) Tuple {
		k := fx.other()
		fx.pass(k, PacketMeta{Dir: out, Class: ClassOther})
		return k
	}
	floods := map[string]func(*fixture) Tuple{
		"SYN": (*fixture).syn, "ping": (*fixture).query, "answered ping": answeredPing,
		"datagram": (*fixture).udp, "answered datagram": (*fixture).replied, "stream": stream,
		"other": (*fixture).other, "answered other": answeredOther, "closed": (*fixture).closed,
	}
	for name, flood := range floods {
		for other, second := range floods {
			fx := newFixture(t, Config{MaxFlows: most}, 0)
			admin := fx.established()
			quiet := map[string]Tuple{
				"SYN": fx.syn(), "ping": fx.query(), "datagram": fx.udp(), "stream": stream(fx),
				"other": fx.other(), "closed": fx.closed(),
			}
			for range 4 * most {
				fx.now = fx.now.Add(-time.Second) // nothing expires here
				flood(fx)
			}
			if n := fx.table.Len(); n > most/2+len(quiet)+1 {
				t.Errorf("%s: %d flows of %d", name, n, most)
			}
			for range 4 * most {
				fx.now = fx.now.Add(-time.Second)
				second(fx)
			}
			fx.now = 0
			for kind, k := range quiet {
				flooded := strings.HasSuffix(name, kind) || strings.HasSuffix(other, kind)
				if !flooded && !fx.has(k) {
					t.Errorf("%s and %s: the %s is gone", name, other, kind)
				}
			}
			// And a connection comes about in the midst of it.
			k := fx.tuple(ProtoTCP)
			for _, p := range []PacketMeta{
				tcpPacket(in, SYN, 99, 0), tcpPacket(out, SYN|ACK, 4999, 100), tcpPacket(in, ACK, 100, 5000),
			} {
				if p.TCP.Flags == SYN {
					if r := fx.add(p, k); r != Inserted {
						t.Fatalf("%s and %s: SYN: %v", name, other, r)
					}
				} else {
					fx.pass(k, p)
				}
				flood(fx)
				second(fx)
			}
			fx.gone(fx.tuple(ProtoTCP), admin, k)
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
					if i%5 == 0 {
						s = PacketMeta{Dir: s.Dir, Class: []Class{ClassUDP, ClassQuery, ClassOther}[i/5%3]}
					}
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

	var kinds [queueNone + 1]int64
	flows, half := 0, 0
	table.Range(0, func(fi FlowInfo) bool {
		kinds[(&Flow{class: fi.Class, state: fi.State}).queue()]++
		flows++
		if fi.State.HalfOpen() {
			half++
		}
		return true
	})
	for id := range queueKinds {
		if n := table.kinds[id].committed.Load(); n != kinds[id] {
			t.Errorf("kind %d: %d flows, counted %d", id, kinds[id], n)
		}
	}
	st := table.Stats()
	ended := st.Expired + st.Deleted + st.EvictedHalfOpen + st.EvictedUnreplied +
		st.EvictedAnswered + st.EvictedClosed
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
