package conntrack

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/test/parity"
)

// inScope returns the n-th tuple of a protocol in a scope.
func inScope(scope Scope, proto uint8, n int) Tuple {
	return NewTuple(scope, Ingress, proto, Addr4([4]byte{198, 18, byte(n >> 8), byte(n)}),
		Addr4([4]byte{192, 0, 2, byte(scope)}), uint16(n>>16)+1024, 443)
}

// open gives a table a packet that begins a flow, or is one more of it.
func open(t *Table, k Tuple, p PacketMeta, now Time) InsertResult {
	tmo := DefaultTimeouts()
	e := t.Lock(&k, now)
	defer e.Unlock()
	if f := e.Flow(); f != nil {
		e.Update(&p, f.Assess(&p), &tmo, now)
		return Inserted
	}
	return e.Insert(&p, 0, &tmo, now)
}

// TestFloodOfOneScope: whatever floods one scope, another one gets all of its guarantee,
// and keeps it (T30).
func TestFloodOfOneScope(t *testing.T) {
	parity.Proves(t, "T30")
	const most, guaranteed = 1024, 256
	syn, datagram := tcpPacket(in, SYN, 99, 0), udpPacket(in)
	floods := map[string]func(*Table, int){
		"SYN":      func(b *Table, n int) { open(b, inScope(1, ProtoTCP, n), syn, 0) },
		"datagram": func(b *Table, n int) { open(b, inScope(1, ProtoUDP, n), datagram, 0) },
		"open connection": func(b *Table, n int) {
			k := inScope(1, ProtoTCP, n)
			tmo := DefaultTimeouts()
			establishSome(b, &k, &tmo, 0)
		},
	}
	for name, flood := range floods {
		b := NewTable(Config{MaxFlows: most})
		b.Guarantee([]Guarantee{{1, guaranteed}, {2, guaranteed}})
		for n := range 4 * most {
			flood(b, n)
		}
		if n := b.Share(1).Flows; n > most-guaranteed {
			t.Errorf("%s: the flood has %d flows of %d", name, n, most)
		}
		for n := range guaranteed / 2 {
			for _, k := range []Tuple{inScope(2, ProtoTCP, n), inScope(2, ProtoUDP, n)} {
				p := datagram
				if k.Proto() == ProtoTCP {
					p = syn
				}
				if r := open(b, k, p, 0); r != Inserted {
					t.Fatalf("%s: flow %d within the guarantee: %v", name, n, r)
				}
				flood(b, 4*most+n)
			}
		}
		for n := range most {
			flood(b, 5*most+n)
		}
		if s := b.Share(2); s.Flows != guaranteed || s.HalfOpen != guaranteed/2 {
			t.Errorf("%s: of %d flows, half of them half-open, are left: %+v", name, guaranteed, s)
		}
		if st := b.Stats(); st.Flows > most || st.HalfOpen > most/2 {
			t.Errorf("%s: more than there may be: %+v", name, st)
		}
	}
}

// TestFloodLeavesTheCommonPart: a flood that has all that is common makes room for another
// scope beyond its guarantee, too.
func TestFloodLeavesTheCommonPart(t *testing.T) {
	b := NewTable(Config{MaxFlows: 1024})
	b.Guarantee([]Guarantee{{1, 256}, {2, 256}})
	for n := range 4096 {
		open(b, inScope(1, ProtoTCP, n), tcpPacket(in, SYN, 99, 0), 0)
		open(b, inScope(1, ProtoUDP, n), udpPacket(in), 0)
	}
	tmo := DefaultTimeouts()
	for n := range 700 {
		k := inScope(2, ProtoTCP, n)
		establishSome(b, &k, &tmo, 0)
	}
	if s := b.Share(2); s.Flows != 700 || s.HalfOpen != 0 {
		t.Errorf("of 700 connections there are %+v", s)
	}
	if s := b.Share(1); s.Flows < 256 {
		t.Errorf("the flood has less than it was guaranteed: %+v", s)
	}
}

// TestGuaranteeWaitsForRoom: a guarantee for which there is no room comes into force as
// flows of others end, and nothing is removed for it.
func TestGuaranteeWaitsForRoom(t *testing.T) {
	b := NewTable(Config{MaxFlows: 100})
	b.Guarantee([]Guarantee{{1, 50}})
	tmo := DefaultTimeouts()
	for n := range 100 {
		k := inScope(1, ProtoTCP, n)
		establishSome(b, &k, &tmo, 0)
	}
	b.Guarantee([]Guarantee{{1, 25}, {2, 25}})
	if s := b.Share(2); s != (Share{}) {
		t.Errorf("a full table: %+v", s)
	}
	if r := open(b, inScope(2, ProtoUDP, 1), udpPacket(in), 0); r != TableFull {
		t.Errorf("a full table: %v", r)
	}
	for n := range 10 {
		k := inScope(1, ProtoTCP, n)
		b.Delete(&k, 0)
	}
	b.Expire(0, 1)
	if s := b.Share(2); s.Guaranteed != 10 || s.Available != 10 {
		t.Errorf("room for 10: %+v", s)
	}
	if s := b.Share(1); s.Flows != 90 || s.Guaranteed != 25 || s.Available != 0 {
		t.Errorf("the other scope: %+v", s)
	}
	for n := range 50 {
		k := inScope(1, ProtoTCP, n)
		b.Delete(&k, 0)
	}
	b.Expire(0, 1)
	if s := b.Share(2); s.Guaranteed != 25 || s.Available != 50 {
		t.Errorf("room for all: %+v", s)
	}
	b.Guarantee(nil)
	if s := b.Share(2); s.Guaranteed != 0 || s.Available != 50 {
		t.Errorf("no guarantees: %+v", s)
	}
}

// TestManyScopes: a flood of one among many scopes is found by the others, whatever its
// number is.
func TestManyScopes(t *testing.T) {
	const scopes, most = 500, 4000
	b := NewTable(Config{MaxFlows: most})
	var list []Guarantee
	for n := range scopes {
		list = append(list, Guarantee{Scope(n + 1), 4})
	}
	b.Guarantee(list)
	for n := range 2 * most {
		open(b, inScope(377, ProtoUDP, n), udpPacket(in), 0)
	}
	refused := 0
	for scope := Scope(1); scope <= scopes; scope++ {
		for n := range 4 {
			if r := open(b, inScope(scope, ProtoTCP, n), tcpPacket(in, SYN, 9, 0), 0); r != Inserted {
				refused++
			}
		}
	}
	if refused > 0 {
		t.Errorf("%d refused", refused)
	}
	for scope := Scope(1); scope <= scopes; scope++ {
		if s := b.Share(scope); scope != 377 && s.Flows != 4 {
			t.Errorf("scope %d: %+v", scope, s)
		}
	}
}

// TestSharesConcurrent: while workers flood some scopes and their guarantees change, a
// scope within its guarantee is refused nothing and loses nothing, and the counts are
// exact in the end (run with -race).
func TestSharesConcurrent(t *testing.T) {
	const most, guaranteed, workers, rounds = 400, 100, 4, 20000
	b := NewTable(Config{MaxFlows: most})
	b.Guarantee([]Guarantee{{1, guaranteed}, {2, 50}, {3, 50}})
	var wg sync.WaitGroup
	var clock atomic.Int64
	for w := range workers {
		rng := rand.New(rand.NewPCG(uint64(w), 7))
		wg.Go(func() {
			tmo := DefaultTimeouts()
			for i := range rounds {
				now := Time(clock.Add(int64(time.Microsecond)))
				n, scope := rng.IntN(5000), Scope(2+rng.IntN(3))
				switch rng.IntN(8) {
				case 0:
					k := inScope(scope, ProtoTCP, n)
					b.Delete(&k, now)
				case 1, 2:
					k := inScope(scope, ProtoTCP, n)
					establishSome(b, &k, &tmo, now)
				case 3, 4, 5:
					open(b, inScope(scope, ProtoUDP, n), udpPacket(Direction(i&1)), now)
				default:
					open(b, inScope(scope, ProtoTCP, n), tcpPacket(in, SYN, 99, 0), now)
				}
				if i%200 == 0 && w == 0 {
					b.Guarantee([]Guarantee{{1, guaranteed}, {2, rng.IntN(150)}, {3, rng.IntN(150)}})
					b.Expire(now, 100)
				}
				if n := countEntries(b, i); n > most {
					t.Errorf("%d entries, the limit is %d", n, most)
				}
			}
		})
	}
	wg.Go(func() { // one place of each kind is for the flow that comes before another goes
		for i := range rounds {
			n := i % (guaranteed/2 - 1)
			for _, k := range []Tuple{inScope(1, ProtoTCP, n), inScope(1, ProtoUDP, n)} {
				p := udpPacket(in)
				if k.Proto() == ProtoTCP {
					p = tcpPacket(in, SYN, 99, 0)
				}
				now := Time(clock.Load())
				if i >= guaranteed/2-1 && !b.Delete(&k, now) {
					t.Errorf("round %d: %v is gone", i, k)
				}
				if r := open(b, k, p, now); r != Inserted {
					t.Errorf("round %d: %v", i, r)
				}
			}
		}
	})
	wg.Wait()

	flows, half := map[Scope]int64{}, map[Scope]int64{}
	b.Range(0, func(f FlowInfo) bool {
		flows[f.Tuple.Scope()]++
		if f.State.HalfOpen() {
			half[f.Tuple.Scope()]++
		}
		return true
	})
	var all, halves int64
	for scope := Scope(1); scope <= 4; scope++ {
		a := b.account(scope)
		n, g := a.flows.load()
		h, gh := a.kinds[queueHalfOpen].load()
		if n != flows[scope] || h != half[scope] {
			t.Errorf("scope %d: %d flows and %d half-open, counted %d and %d", scope, flows[scope],
				half[scope], n, h)
		}
		all, halves = all+max(n, g), halves+max(h, gh)
	}
	if n := b.pool.committed.Load(); n != all {
		t.Errorf("%d are taken, counted %d", all, n)
	}
	if n := b.kinds[queueHalfOpen].committed.Load(); n != halves {
		t.Errorf("%d half-open are taken, counted %d", halves, n)
	}
}
