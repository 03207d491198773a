package conntrack

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// manyTuples returns n TCP tuples of different remote hosts and ports.
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

// establishIn does so in a lane.
func establishIn(tb testing.TB, t *Table, k *Tuple, now Time, lane uint8) {
	tb.Helper()
	tmo := DefaultTimeouts()
	for i, s := range []PacketMeta{
		{Dir: Ingress, Class: ClassTCP, Bytes: 60, TCP: TCPSegment{Seq: 100, Flags: SYN}},
		{Dir: Egress, Class: ClassTCP, Bytes: 60, TCP: TCPSegment{Seq: 900, Ack: 101, Flags: SYN | ACK}},
		{Dir: Ingress, Class: ClassTCP, Bytes: 52, TCP: TCPSegment{Seq: 101, Ack: 901, Flags: ACK}},
	} {
		s.Lane = lane
		c := t.Lock(k, now)
		if i == 0 {
			if got := c.Insert(&s, 7, &tmo, now); got != Inserted {
				tb.Fatalf("insert: %v", got)
			}
		} else {
			c.Update(&s, c.Flow().Assess(&s), &tmo, now)
		}
		if i == 2 && c.Flow().State() != StateEstablished {
			tb.Fatalf("state %v after the handshake", c.Flow().State())
		}
		c.Unlock()
	}
}

var benchSizes = []int{1, 1_000, 100_000, 1_000_000}

// BenchmarkHit is the established path: a data segment of a random live flow.
func BenchmarkHit(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			t := NewTable(Config{MaxFlows: n, Seed: [2]uint64{1, 2}})
			ts := manyTuples(n)
			for i := range ts {
				establish(b, t, &ts[i], 0)
			}
			rand.New(rand.NewPCG(3, 4)).Shuffle(n, func(i, j int) { ts[i], ts[j] = ts[j], ts[i] })
			tmo := DefaultTimeouts()
			s := PacketMeta{Dir: Ingress, Class: ClassTCP, Bytes: 1500, TCP: TCPSegment{Seq: 101, Ack: 901, Len: 1448, Flags: ACK}}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				c := t.Lock(&ts[i], Time(i))
				f := c.Flow()
				o := f.Assess(&s)
				if o != OutcomeMember {
					b.Fatal(o)
				}
				c.Update(&s, o, &tmo, Time(i))
				c.Unlock()
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

// BenchmarkControl is what a plain map costs for the same number of flows and
// the same order of access: the machine's own speed, to compare the others with.
func BenchmarkControl(b *testing.B) {
	type entry struct{ expires atomic.Int64 }
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ts := manyTuples(n)
			var mu sync.RWMutex
			m := make(map[Tuple]*entry, n)
			for _, k := range ts {
				m[k] = new(entry)
			}
			rand.New(rand.NewPCG(3, 4)).Shuffle(n, func(i, j int) { ts[i], ts[j] = ts[j], ts[i] })
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				mu.RLock()
				e := m[ts[i]]
				mu.RUnlock()
				e.expires.Store(int64(i))
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

// BenchmarkMiss looks up a tuple that has no flow.
func BenchmarkMiss(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			t := NewTable(Config{MaxFlows: n, Seed: [2]uint64{1, 2}})
			ts := manyTuples(2 * n)
			for i := range n {
				establish(b, t, &ts[i], 0)
			}
			ts = ts[n:]
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				c := t.Lock(&ts[i], 0)
				if c.Flow() != nil {
					b.Fatal("hit")
				}
				c.Unlock()
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

// BenchmarkInsert opens flows until the table holds n and begins anew.
func BenchmarkInsert(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ts := manyTuples(n)
			tmo := DefaultTimeouts()
			s := PacketMeta{Dir: Ingress, Class: ClassTCP, Bytes: 60, TCP: TCPSegment{Seq: 100, Flags: SYN}}
			cfg := Config{MaxFlows: n, MaxHalfOpen: n, Seed: [2]uint64{1, 2}}
			t := NewTable(cfg)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				c := t.Lock(&ts[i], 0)
				if c.Insert(&s, 1, &tmo, 0) != Inserted {
					b.Fatal("refused")
				}
				c.Unlock()
				if i++; i == n {
					i = 0
					if n > 1 {
						b.StopTimer()
						t = NewTable(cfg)
						b.StartTimer()
					}
				}
			}
		})
	}
}

// BenchmarkInsertFull is a SYN flood against a full half-open share: each new
// flow evicts the oldest.
func BenchmarkInsertFull(b *testing.B) {
	const n = 10_000
	ts := manyTuples(4 * n)
	tmo := DefaultTimeouts()
	s := PacketMeta{Dir: Ingress, Class: ClassTCP, Bytes: 60, TCP: TCPSegment{Seq: 100, Flags: SYN}}
	t := NewTable(Config{MaxFlows: n, MaxHalfOpen: n, Seed: [2]uint64{1, 2}})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c := t.Lock(&ts[i], 0)
		if c.Insert(&s, 1, &tmo, 0) != Inserted {
			b.Fatal("refused")
		}
		c.Unlock()
		if i++; i == len(ts) {
			i = 0
		}
	}
}

// BenchmarkRefused is a new flow against a table full of established ones.
func BenchmarkRefused(b *testing.B) {
	const n = 10_000
	ts := manyTuples(2 * n)
	tmo := DefaultTimeouts()
	t := NewTable(Config{MaxFlows: n, MaxHalfOpen: n, Seed: [2]uint64{1, 2}})
	for i := range n {
		establish(b, t, &ts[i], 0)
	}
	s := PacketMeta{Dir: Ingress, Class: ClassUDP, Bytes: 60}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c := t.Lock(&ts[n+i], 0)
		if c.Insert(&s, 1, &tmo, 0) != TableFull {
			b.Fatal("not refused")
		}
		c.Unlock()
		if i++; i == n {
			i = 0
		}
	}
}

// BenchmarkHitParallel: each worker has flows of its own, as queues do when the
// kernel spreads address pairs over them; they were opened in turns. Compare
// with -cpu 1,2. "apart" gives each a table of its own: what the machine can do.
func BenchmarkHitParallel(b *testing.B) {
	const each, workers = 500, 2
	ts := manyTuples(workers * each)
	for _, tc := range []struct {
		name   string
		tables int
	}{{"together", 1}, {"apart", workers}} {
		b.Run(tc.name, func(b *testing.B) {
			var tables [workers]*Table
			var mine [workers][]Tuple
			for w := range workers {
				tables[w] = NewTable(Config{MaxFlows: len(ts), Seed: [2]uint64{1, 2}})
				if tc.tables == 1 {
					tables[w] = tables[0]
				}
			}
			for i := range ts {
				w := i % workers
				establishIn(b, tables[w], &ts[i], 0, uint8(w))
				mine[w] = append(mine[w], ts[i])
			}
			var worker atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				w := int(worker.Add(1)-1) % workers
				t, mine := tables[w], mine[w]
				tmo := DefaultTimeouts()
				s := PacketMeta{Dir: Ingress, Class: ClassTCP, Bytes: 1500, TCP: TCPSegment{Seq: 101, Ack: 901, Len: 1448, Flags: ACK}}
				i := 0
				for pb.Next() {
					c := t.Lock(&mine[i], 0)
					f := c.Flow()
					c.Update(&s, f.Assess(&s), &tmo, 0)
					c.Unlock()
					if i++; i == each {
						i = 0
					}
				}
			})
		})
	}
}
