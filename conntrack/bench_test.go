package conntrack

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

var benchSizes = []int{1, 1_000, 100_000, 1_000_000}

// BenchmarkHit looks up and updates a random live flow with a data segment.
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
			s := dataSegment
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				e := t.Lock(&ts[i], Time(i))
				f := e.Flow()
				o := f.Assess(&s)
				if o != OutcomeMember {
					b.Fatal(o)
				}
				e.Update(&s, o, &tmo, Time(i))
				e.Unlock()
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

// BenchmarkControl accesses a plain map with as many flows in the same order. It shows the
// speed of the machine, to compare the others with.
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
				e := t.Lock(&ts[i], 0)
				if e.Flow() != nil {
					b.Fatal("hit")
				}
				e.Unlock()
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

// BenchmarkInsert opens flows until the table holds n, then starts over.
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
				e := t.Lock(&ts[i], 0)
				if e.Insert(&s, 1, &tmo, 0) != Inserted {
					b.Fatal("refused")
				}
				e.Unlock()
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

// BenchmarkInsertFull is a SYN flood at the limit of half-open flows: each new flow evicts
// the oldest.
func BenchmarkInsertFull(b *testing.B) {
	const n = 10_000
	ts := manyTuples(4 * n)
	tmo := DefaultTimeouts()
	s := PacketMeta{Dir: Ingress, Class: ClassTCP, Bytes: 60, TCP: TCPSegment{Seq: 100, Flags: SYN}}
	t := NewTable(Config{MaxFlows: n, MaxHalfOpen: n, Seed: [2]uint64{1, 2}})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		e := t.Lock(&ts[i], 0)
		if e.Insert(&s, 1, &tmo, 0) != Inserted {
			b.Fatal("refused")
		}
		e.Unlock()
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
		e := t.Lock(&ts[n+i], 0)
		if e.Insert(&s, 1, &tmo, 0) != TableFull {
			b.Fatal("not refused")
		}
		e.Unlock()
		if i++; i == n {
			i = 0
		}
	}
}

// BenchmarkHitParallel gives each worker flows of its own, as queues have when the kernel
// spreads address pairs over them. The flows were opened in turns. Compare with -cpu 1,2.
// "apart" gives each worker a table of its own, as an upper bound.
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
				s := dataSegment
				i := 0
				for pb.Next() {
					e := t.Lock(&mine[i], 0)
					f := e.Flow()
					e.Update(&s, f.Assess(&s), &tmo, 0)
					e.Unlock()
					if i++; i == each {
						i = 0
					}
				}
			})
		})
	}
}
