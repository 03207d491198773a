package conntrack

import (
	"testing"
	"time"
)

// TestExpireSlices: a call examines no more entries than its budget, continues where the
// last one ended, and a round removes every expired flow and no other.
func TestExpireSlices(t *testing.T) {
	const n = 5000
	table := NewTable(Config{MaxFlows: 2 * n})
	tuples := manyTuples(n)
	tmo := DefaultTimeouts()
	for i := range tuples {
		s := udpPacket(in)
		at := Time(0)
		if i%2 == 1 {
			at = Time(time.Minute)
		}
		e := table.Lock(&tuples[i], at)
		e.Insert(&s, 0, &tmo, at)
		e.Unlock()
	}
	if slots := table.Slots(); slots < n || slots > n+shardCount*slabLen {
		t.Errorf("Slots = %d for %d flows", slots, n)
	}
	now := Time(45 * time.Second)
	const budget = 100
	removed, calls := 0, 0
	for ; removed < n/2 && calls < 2*n/budget; calls++ {
		r := table.Expire(now, budget)
		if r > budget {
			t.Fatalf("removed %d with a budget of %d", r, budget)
		}
		removed += r
	}
	if removed != n/2 || table.Len() != n/2 {
		t.Errorf("%d removed in %d calls, %d left; want %d and %d", removed, calls, table.Len(), n/2, n/2)
	}
	if want := n / budget * 9 / 10; calls < want {
		t.Errorf("done after %d calls, want at least %d: the budget is not kept", calls, want)
	}
	for i := range tuples {
		e := table.Lock(&tuples[i], now)
		if got, want := e.Flow() != nil, i%2 == 1; got != want {
			t.Fatalf("flow %d: alive = %v, want %v", i, got, want)
		}
		e.Unlock()
	}
	if r := table.Expire(now, 1<<30); r != 0 {
		t.Errorf("%d more removed", r)
	}
	if r := table.Expire(Time(time.Hour), 1<<30); r != n/2 || table.Len() != 0 {
		t.Errorf("one round removed %d of %d", r, n/2)
	}
	if st := table.Stats(); st.Expired != n {
		t.Errorf("stats %+v", st)
	}
}

// TestRangeStops: visit can end the iteration and may use the table.
func TestRangeStops(t *testing.T) {
	table := NewTable(Config{})
	tuples := manyTuples(100)
	for i := range tuples {
		establish(t, table, &tuples[i], 0)
	}
	n := 0
	table.Range(0, func(fi FlowInfo) bool {
		n++
		if !table.Delete(&fi.Tuple, 0) {
			t.Error("visited flow is not there")
		}
		return n < 10
	})
	if n != 10 || table.Len() != 90 {
		t.Errorf("visited %d, %d left", n, table.Len())
	}
}
