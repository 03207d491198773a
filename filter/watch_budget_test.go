package filter

import (
	"math/rand/v2"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/filter/packet"
)

// TestBudget: whatever a batch has, each verdict is shown, folded into one that is equal, or
// counted as lost; equal ones are what Key says, and what differs amid a flood is shown.
func TestBudget(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	b.wait(time.Second)
	w := b.Watch(100_000, Selection{Reasons: Dropping})
	defer w.Close()
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		want := make(map[DropKey]uint64)
		kinds := 1 + round*round%300
		b.Begin()
		n := uint64(random.IntN(400))
		for range n {
			k := random.IntN(kinds)
			raw := udp4(stranger(k/8), us, uint16(1024+random.IntN(60000)), uint16(1000+k%8))
			if k%3 == 0 {
				raw = tcp4(stranger(k/8), us, uint16(20000+random.IntN(40000)), uint16(1000+k%8), 1, 0,
					conntrack.SYN)
			}
			ev := Event{Frame: frame(raw), Hook: HookInput, In: 2}
			if b.Decide(&ev) {
				t.Fatal("a forbidden packet passes")
			}
			r := Record{Verdict: b.Last(), Index: 2, Kind: b.pkt.Kind}
			if b.pkt.Kind == packet.KindTCP {
				r.Flags = b.pkt.TCP.Flags
			}
			b.pkt.FillTuple(&r.Tuple, b.decision.Scope, b.decision.Direction)
			want[r.Key()]++
		}
		b.End()
		records, lost := w.Take()
		var shown uint64
		for i := range records {
			shown += uint64(records[i].Count)
			key := records[i].Key()
			if got := uint64(records[i].Count); got == 0 || got > want[key] {
				t.Errorf("round %d: %d of a kind, want at most %d", round, got, want[key])
			}
			if kinds == 1 && uint64(records[i].Count) != want[key] {
				t.Errorf("round %d: %d equal drops, want %d", round, records[i].Count, want[key])
			}
		}
		if shown+lost != n || len(records) > watchedOfBatch {
			t.Errorf("round %d: %d drops in %d records and %d lost, of %d", round, shown, len(records),
				lost, n)
		}
		b.wait(50 * time.Millisecond)
	}
}

// TestBudgetShowsWhatDiffers: amid a flood that uses the budget up, equal packets are few
// records and the one that is different has its own; what passes hides no drop.
func TestBudgetShowsWhatDiffers(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	w := b.Watch(1<<20, Selection{Reasons: Everything})
	defer w.Close()
	var drops, records, passed uint64
	for batch := range uint16(500) {
		b.Begin()
		for i := range uint16(200) {
			raw := udp4(stranger(int(batch)*200+int(i)), us, 5000, 53)
			if i%2 == 0 {
				raw = tcp4(client, us, 1024+batch*100+i/2, 80, 1, 0, conntrack.SYN)
			}
			if i == 150 && batch == 400 {
				raw = tcp4(other, us, 40000, 22, 1, 0, conntrack.SYN)
			}
			ev := Event{Frame: frame(raw), Hook: HookInput, In: 2}
			if b.Decide(&ev) {
				passed++
			} else {
				drops++
			}
		}
		b.End()
	}
	got, lost := w.Take()
	found := false
	var counted uint64
	for i := range got {
		records++
		counted += uint64(got[i].Count)
		found = found || got[i].Tuple.LocalPort == 22
	}
	if !found {
		t.Error("the one that is different is lost")
	}
	if counted+lost != drops+passed || records > maxSpare+2*500+1 {
		t.Errorf("%d records for %d and %d lost, of %d drops and %d that passed", records, counted, lost,
			drops, passed)
	}
}

// TestBudgetShowsNewConnections: neither a flood of drops nor one of packets of known flows
// hides the connections that begin.
func TestBudgetShowsNewConnections(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	w := b.Watch(1<<20, Selection{Reasons: 1<<ReasonRule | 1<<ReasonFlow})
	defer w.Close()
	syn := tcp4(client, us, 1000, 80, 1, 0, conntrack.SYN)
	b.Begin()
	if !b.Decide(&Event{Frame: frame(syn), Hook: HookInput, In: 2}) {
		t.Fatal("the flow did not begin")
	}
	b.End()
	const connections = 100
	for batch := range uint16(connections) {
		b.Begin()
		for i := range uint16(200) {
			raw := udp4(stranger(int(batch)), us, 5000, 1000+i) // of more kinds than are known
			if i%2 == 0 {
				raw = syn // once more
			}
			if i == 199 {
				raw = tcp4(client, us, 2000+batch, 80, 1, 0, conntrack.SYN)
			}
			b.Decide(&Event{Frame: frame(raw), Hook: HookInput, In: 2})
		}
		b.End()
	}
	got, _ := w.Take()
	begun := 0
	for i := range got {
		if got[i].Verdict.Reason == ReasonRule && got[i].Tuple.RemotePort >= 2000 {
			begun++
		}
	}
	if begun != connections {
		t.Errorf("%d connections are shown, want %d", begun, connections)
	}
}

// TestBudgetAllocates: recording for a watcher allocates nothing once its room is there.
func TestBudgetAllocates(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0")))
	w := b.Watch(1000, Selection{Reasons: Everything})
	defer w.Close()
	var frames [100]Event
	for i := range frames {
		frames[i] = Event{Frame: frame(udp4(stranger(i/2), us, 5000, 53)), Hook: HookInput, In: 2}
	}
	batch := func() {
		b.Begin()
		for i := range frames {
			b.Decide(&frames[i])
		}
		b.End()
		w.Take()
		b.wait(time.Second)
	}
	for range 4 {
		batch()
	}
	if n := testing.AllocsPerRun(100, batch); n > 0 {
		t.Errorf("%.1f allocations a batch", n)
	}
}
