package past

import (
	"fmt"
	"testing"
	"time"

	"sgfw/cmd/internal/api"
	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/test/differential"
)

// TestRing: the newest packets are remembered, in memory that does not grow beyond its bound.
func TestRing(t *testing.T) {
	r := NewRing(3 * ChunkBytes)
	batch := make([]filter.Record, 1000)
	n := 0
	for range 20 {
		for i := range batch {
			n++
			batch[i] = filter.Record{Time: conntrack.Time(n), Device: "eth0", Groups: []string{"web"}}
		}
		r.Add(batch, 1)
	}
	next := conntrack.Time(0)
	packets, lost := r.each(func(rec *filter.Record) {
		if next > 0 && rec.Time != next || rec.Device != "eth0" || rec.Groups != nil {
			t.Fatalf("%+v, want packet %d", rec, next)
		}
		next = rec.Time + 1
	})
	if lost != 20 || next != conntrack.Time(n+1) || packets <= 2*chunkSize || packets > 3*chunkSize {
		t.Errorf("%d packets up to %d and %d lost", packets, next-1, lost)
	}
	if len(r.chunks) != 3 || len(r.names) != 1 {
		t.Errorf("%d chunks, %d names", len(r.chunks), len(r.names))
	}
	if n := testing.AllocsPerRun(50, func() { r.Add(batch, 0) }); n != 0 {
		t.Errorf("a full ring makes %v allocations", n)
	}
}

// TestManyNames: however many devices there have been, each packet keeps the name of its own.
func TestManyNames(t *testing.T) {
	r := NewRing(3 * ChunkBytes)
	for i := range maxNames + 1 {
		r.Add([]filter.Record{{Time: conntrack.Time(i), Device: fmt.Sprintf("veth%d", i)}}, 0)
	}
	packets, _ := r.each(func(rec *filter.Record) {
		if want := fmt.Sprintf("veth%d", rec.Time); rec.Device != want {
			t.Fatalf("the device of packet %d is %q", rec.Time, rec.Device)
		}
	})
	if packets != maxNames+1 || len(r.names) > maxNames {
		t.Errorf("%d packets, %d names", packets, len(r.names))
	}
}

// TestNameless: nothing is said of a packet of which nobody knows the device.
func TestNameless(t *testing.T) {
	tape, err := differential.Laboratory().Record(1, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	other, err := differential.Laboratory().Record(101, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := NewRing(1)
	r.Add([]filter.Record{{Time: 1, Verdict: filter.Verdict{Reason: filter.ReasonNoRule}}}, 0)
	at := func(conntrack.Time) time.Time { return time.Unix(0, 0) }
	next := tape.Ruleset.With(other.Policy, nil)
	if p := r.Under(tape.Ruleset, next, time.Unix(1, 0), at); p == nil || p.Packets != 1 ||
		p.Admitted.Count+p.Refused.Count > 0 {
		t.Errorf("%+v", p)
	}
}

// tells reports whether a packet is remembered, and its record tells all that is judged: not
// that it is a fragment, which packet an error is about, or that it is forwarded, which is
// never a failsafe or exempt.
func tells(x *filter.Sight) bool {
	var p packet.Packet
	return Remembered.Has(x.Verdict.Reason) &&
		p.Parse(packet.Frame{Bytes: x.Bytes, Length: x.Length}) == packet.NoFault && p.Trackable() &&
		!p.Quoted && x.Hook != filter.HookForward
}

// TestUnder: of the differential's traffic each packet that rules or network ACLs decided
// counts under another policy if it fares otherwise than under its own, which judges it as it
// did, and none counts under its own.
func TestUnder(t *testing.T) {
	refused, admitted := uint64(0), uint64(0)
	for seed := uint64(1); seed <= 20; seed++ {
		tape, err := differential.Laboratory().Record(seed, 400, 0)
		if err != nil {
			t.Fatal(err)
		}
		other, err := differential.Laboratory().Record(seed+100, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		r, n := NewRing(1<<20), uint64(0)
		for i := range tape.Sights {
			rec := tape.Sights[i].Record
			if rec.Count = 1; tells(&tape.Sights[i]) {
				n++
				r.Add([]filter.Record{rec}, 0)
			}
		}
		wall := func(at conntrack.Time) time.Time { return time.Unix(0, int64(at)) }
		now := wall(tape.Sights[len(tape.Sights)-1].Time)
		same := r.Under(tape.Ruleset, tape.Ruleset, now, wall)
		if same == nil || same.Packets != n || same.Refused.Count+same.Admitted.Count > 0 {
			t.Fatalf("seed %d: under its own policy %+v", seed, same)
		}
		rs := tape.Ruleset.With(other.Policy, nil)
		got := r.Under(tape.Ruleset, rs, now, wall)
		before, after := tape.Ruleset.Hindsight(), rs.Hindsight()
		var want api.Past
		for i := range tape.Sights {
			rec := &tape.Sights[i].Record
			if !tells(&tape.Sights[i]) {
				continue
			}
			v, managed := before.Judge(rec)
			passed := v.Accept() || !managed
			if passed != rec.Verdict.Accept() && v.Direction == rec.Verdict.Direction {
				t.Fatalf("seed %d: %+v is %s under its own policy", seed, rec, v.Reason)
			}
			v, managed = after.Judge(rec)
			switch passes := v.Accept() || !managed; {
			case passes == passed || !rec.Verdict.Accept() && !rec.Begins():
			case passes:
				want.Admitted.Count++
			default:
				want.Refused.Count++
			}
		}
		if got.Refused.Count != want.Refused.Count || got.Admitted.Count != want.Admitted.Count {
			t.Errorf("seed %d: %+v, want %+v", seed, got, want)
		}
		for _, c := range []api.PastConnections{got.Refused, got.Admitted} {
			sum := uint64(0)
			for _, x := range c.List {
				sum += x.Count
			}
			if len(c.List) > listed || sum > c.Count || len(c.List) < listed && sum != c.Count {
				t.Errorf("seed %d: %d of %d tries are listed", seed, sum, c.Count)
			}
		}
		refused, admitted = refused+got.Refused.Count, admitted+got.Admitted.Count
	}
	if refused < 100 || admitted < 100 {
		t.Errorf("%d refused and %d admitted: nothing to learn from", refused, admitted)
	}
	if NewRing(1).Under(nil, nil, time.Now(), nil) != nil {
		t.Error("an empty ring has a past")
	}
}
