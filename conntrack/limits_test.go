package conntrack

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/test/parity"
)

// crowd fills a table with flows of known kinds.
type crowd struct {
	testing.TB
	table *Table
	tmo   Timeouts
	now   Time
	next  byte
}

func (c *crowd) tuple(proto uint8) Tuple {
	c.next++
	return NewTuple(1, Ingress, proto, Addr4([4]byte{203, 0, 113, c.next}), Addr4([4]byte{192, 0, 2, 1}), 1000, 2000)
}

func (c *crowd) add(p PacketMeta, k Tuple) InsertResult {
	c.now = c.now.Add(time.Second)
	e := c.table.Lock(&k, c.now)
	defer e.Unlock()
	return e.Insert(&p, 0, &c.tmo, c.now)
}

func (c *crowd) syn() Tuple {
	k := c.tuple(ProtoTCP)
	c.add(PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 99, Flags: SYN}}, k)
	return k
}

func (c *crowd) udp() Tuple {
	k := c.tuple(ProtoUDP)
	c.add(PacketMeta{Class: ClassUDP}, k)
	return k
}

func (c *crowd) replied() Tuple {
	k := c.udp()
	c.pass(k, PacketMeta{Dir: Egress, Class: ClassUDP})
	return k
}

func (c *crowd) established() Tuple {
	k := c.tuple(ProtoTCP)
	c.now = c.now.Add(time.Second)
	establish(c, c.table, &k, c.now)
	return k
}

func (c *crowd) closed() Tuple {
	k := c.established()
	c.pass(k, PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 101, Flags: RST}})
	return k
}

func (c *crowd) pass(k Tuple, p PacketMeta) {
	e := c.table.Lock(&k, c.now)
	defer e.Unlock()
	e.Update(&p, e.Flow().Assess(&p), &c.tmo, c.now)
}

func (c *crowd) has(k Tuple) bool {
	e := c.table.Lock(&k, c.now)
	defer e.Unlock()
	return e.Flow() != nil
}

// gone asserts which flow made room for a new one.
func (c *crowd) gone(want Tuple, others ...Tuple) {
	c.Helper()
	if c.has(want) {
		c.Errorf("%v is still there", want)
	}
	for _, k := range others {
		if !c.has(k) {
			c.Errorf("%v is gone", k)
		}
	}
}

func newCrowd(tb testing.TB, cfg Config, logShards int) *crowd {
	return &crowd{TB: tb, table: newTable(cfg, logShards), tmo: DefaultTimeouts()}
}

// TestEvictionOrder: unreplied and half-open first, the oldest of both; then
// closed; never established or replied ones: then the new flow is refused
// (T30, T33).
func TestEvictionOrder(t *testing.T) {
	parity.Proves(t, "T30", "T33")
	for _, logShards := range []int{0, shardBits} {
		c := newCrowd(t, Config{MaxFlows: 6, MaxHalfOpen: 6}, logShards)
		live, answered := c.established(), c.replied()
		dead := c.closed()
		if logShards == 0 { // only there is "oldest" exact
			half, asked, half2 := c.syn(), c.udp(), c.syn()
			n1 := c.established()
			c.gone(half, live, answered, dead, asked, half2, n1)
			n2 := c.established()
			c.gone(asked, live, answered, dead, half2, n1, n2)
			n3 := c.established()
			c.gone(half2, live, answered, dead, n1, n2, n3)
		} else {
			c.established()
			c.established()
			c.established()
		}
		n4 := c.established()
		c.gone(dead, live, answered, n4)
		if r := c.add(PacketMeta{Class: ClassUDP}, c.tuple(ProtoUDP)); r != TableFull {
			t.Errorf("a full table: Insert = %v, want TableFull", r)
		}
		if r := c.add(PacketMeta{Class: ClassTCP, TCP: TCPSegment{Flags: SYN}}, c.tuple(ProtoTCP)); r != TableFull {
			t.Errorf("a full table: Insert = %v, want TableFull", r)
		}
		st := c.table.Stats()
		if st.Flows != 6 || st.HalfOpen != 0 || st.RefusedFull != 2 || st.EvictedClosed != 1 {
			t.Errorf("stats %+v", st)
		}
		// A place that an expired flow held is found without the sweeper.
		c.now = c.now.Add(200 * time.Second)
		for range 8 {
			c.add(PacketMeta{Class: ClassUDP}, c.tuple(ProtoUDP))
		}
		if logShards == 0 && c.table.Stats().Expired == 0 {
			t.Error("a full table did not look for expired flows")
		}
	}
}

// TestHalfOpenLimit: the oldest half-open flow goes, whatever else there is.
func TestHalfOpenLimit(t *testing.T) {
	c := newCrowd(t, Config{MaxFlows: 100, MaxHalfOpen: 3}, 0)
	asked := c.udp()
	a, b, d := c.syn(), c.syn(), c.syn()
	e := c.syn()
	c.gone(a, asked, b, d, e)

	// One that becomes established leaves the share.
	c.pass(b, PacketMeta{Dir: Egress, Class: ClassTCP, TCP: TCPSegment{Seq: 4999, Ack: 100, Flags: SYN | ACK}})
	c.pass(b, PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 100, Ack: 5000, Flags: ACK}})
	if st := c.table.Stats(); st.HalfOpen != 2 || st.Flows != 4 {
		t.Errorf("stats %+v", st)
	}
	f := c.syn()
	c.gone(a, asked, b, d, e, f)
	// A pickup is half-open too.
	k := c.tuple(ProtoTCP)
	c.add(PacketMeta{Class: ClassTCP, TCP: TCPSegment{Flags: ACK}}, k)
	c.gone(d, asked, b, e, f, k)
	if st := c.table.Stats(); st.EvictedHalfOpen != 2 || st.HalfOpen != 3 {
		t.Errorf("stats %+v", st)
	}
	// A restart takes a place in the share as well.
	c.pass(b, PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 70000, Flags: SYN}})
	c.pass(b, PacketMeta{Dir: Egress, Class: ClassTCP, TCP: TCPSegment{Seq: 1, Ack: 70001, Flags: SYN | ACK}})
	c.gone(e, asked, b, f, k)
	if st := c.table.Stats(); st.EvictedHalfOpen != 3 || st.HalfOpen != 3 || st.Restarted != 1 {
		t.Errorf("stats %+v", st)
	}
}

// TestReplace: a new flow in the place of an ended one needs no room of its own.
func TestReplace(t *testing.T) {
	c := newCrowd(t, Config{MaxFlows: 2, MaxHalfOpen: 2}, 0)
	live, dead := c.established(), c.closed()
	if r := c.add(PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 7, Flags: SYN}}, dead); r != Inserted {
		t.Errorf("Insert = %v", r)
	}
	c.gone(c.tuple(ProtoTCP), live, dead)
	if st := c.table.Stats(); st.Flows != 2 || st.HalfOpen != 1 || st.Replaced != 1 || st.EvictedClosed != 0 {
		t.Errorf("stats %+v", st)
	}
	if r := c.add(PacketMeta{Class: ClassOther}, dead); r != Inserted {
		t.Errorf("Insert = %v", r)
	}
	if st := c.table.Stats(); st.Flows != 2 || st.HalfOpen != 0 || st.Replaced != 2 {
		t.Errorf("stats %+v", st)
	}
}

// TestLimitsConcurrent: the limits hold at every moment, with flows coming,
// ending and expiring on all sides (run with -race).
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
					s := PacketMeta{Dir: Direction(i & 1), Class: ClassTCP, TCP: TCPSegment{Seq: uint32(i), Flags: SYN}}
					c := table.Lock(k, now)
					if f := c.Flow(); f == nil {
						c.Insert(&s, 0, &tmo, now)
					} else {
						c.Update(&s, f.Assess(&s), &tmo, now)
					}
					c.Unlock()
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
	if st := table.Stats(); st.Flows != flows || st.HalfOpen != half || flows > maxFlows || half > maxHalfOpen ||
		st.Inserted-st.Replaced != uint64(flows)+st.Expired+st.Deleted+st.EvictedHalfOpen+st.EvictedUnreplied+st.EvictedClosed {
		t.Errorf("%d flows, %d half-open, stats %+v", flows, half, st)
	}
}

// establishSome plays a handshake as far as the other workers let it.
func establishSome(t *Table, k *Tuple, tmo *Timeouts, now Time) {
	for i, s := range []PacketMeta{
		{Dir: Ingress, Class: ClassTCP, TCP: TCPSegment{Seq: 100, Flags: SYN}},
		{Dir: Egress, Class: ClassTCP, TCP: TCPSegment{Seq: 900, Ack: 101, Flags: SYN | ACK}},
		{Dir: Ingress, Class: ClassTCP, TCP: TCPSegment{Seq: 101, Ack: 901, Flags: ACK}},
	} {
		c := t.Lock(k, now)
		if f := c.Flow(); f != nil {
			c.Update(&s, f.Assess(&s), tmo, now)
		} else if i == 0 {
			c.Insert(&s, 0, tmo, now)
		}
		c.Unlock()
	}
}

// countEntries counts what the shards hold, all locked at once, now and then.
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
