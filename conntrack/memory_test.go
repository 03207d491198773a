package conntrack

import (
	"runtime"
	"testing"
)

// TestHeapPerFlow: a flow takes at most 128 bytes of heap, index and slabs included.
func TestHeapPerFlow(t *testing.T) {
	const n, limit = 100_000, 128
	tuples := manyTuples(n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table := NewTable(Config{MaxFlows: n})
	for i := range tuples {
		establish(t, table, &tuples[i], 0)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if table.Len() != n {
		t.Fatalf("%d flows, want %d", table.Len(), n)
	}
	per := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%.1f bytes per flow", per)
	if per > limit {
		t.Errorf("%.1f bytes of heap per flow, want at most %d", per, limit)
	}
	runtime.KeepAlive(tuples)
	runtime.KeepAlive(table)
}

// TestAllocs: hits and misses do not allocate, and new flows only for growth.
func TestAllocs(t *testing.T) {
	table := NewTable(Config{MaxFlows: 1 << 20})
	tuples := manyTuples(50_000)
	establish(t, table, &tuples[0], 0)
	tmo := DefaultTimeouts()
	seg := dataSegment
	if n := testing.AllocsPerRun(1000, func() {
		e := table.Lock(&tuples[0], 1)
		f := e.Flow()
		e.Update(&seg, f.Assess(&seg), &tmo, 1)
		e.Unlock()
		e = table.Lock(&tuples[1], 1)
		e.Unlock()
	}); n != 0 {
		t.Errorf("%v allocations on a hit and a miss", n)
	}
	i := 0
	udp := udpPacket(in)
	if n := testing.AllocsPerRun(len(tuples)-2, func() {
		i++
		e := table.Lock(&tuples[i], 1)
		if e.Flow() == nil {
			e.Insert(&udp, 0, &tmo, 1)
		}
		e.Unlock()
	}); n > 0.1 {
		t.Errorf("%v allocations per new flow", n)
	}
	full := NewTable(Config{MaxFlows: 1, MaxHalfOpen: 1})
	establish(t, full, &tuples[0], 0)
	if n := testing.AllocsPerRun(1000, func() {
		e := full.Lock(&tuples[1], 1)
		if e.Insert(&udp, 0, &tmo, 1) != TableFull {
			t.Fatal("not refused")
		}
		e.Unlock()
	}); n != 0 {
		t.Errorf("%v allocations on a refused flow", n)
	}
}
