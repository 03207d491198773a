package conntrack

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// images are copies of all flows of a table.
func images(t *Table, now Time) (list []Image) {
	t.Images(now, func(_ Slab, _ uint8, flows []Image) bool {
		list = append(list, flows...)
		return true
	})
	return list
}

// randomTable has flows of every kind in every state that random packets lead to.
func randomTable(tb testing.TB, r *rand.Rand, n int) *fixture {
	fx := newFixture(tb, Config{}, shardBits)
	fx.now = Time(1000 * time.Hour)
	classes := []struct {
		class Class
		proto uint8
	}{{ClassTCP, ProtoTCP}, {ClassUDP, ProtoUDP}, {ClassQuery, ProtoICMP}, {ClassOther, 47}}
	for range n {
		c := classes[r.IntN(len(classes))]
		k := fx.tuple(c.proto)
		if c.class == ClassOther {
			k.LocalPort, k.RemotePort = 0, 0
		}
		untracked := r.IntN(4) == 0
		for range 1 + r.IntN(12) {
			p := PacketMeta{Dir: Direction(r.IntN(2)), Class: c.class, Bytes: uint32(r.IntN(1500)),
				Reply: r.IntN(2) == 0, Lane: uint8(r.IntN(Lanes))}
			if c.class == ClassTCP {
				p.TCP = TCPSegment{Seq: uint32(r.IntN(4)), Ack: uint32(r.IntN(4)), Len: uint32(r.IntN(2)),
					Flags: []TCPFlags{SYN, SYN | ACK, ACK, ACK, FIN | ACK, RST}[r.IntN(6)]}
			}
			e := fx.table.Lock(&k, fx.now)
			switch f := e.Flow(); {
			case f != nil && (c.class == ClassTCP || c.class == ClassUDP) && r.IntN(8) == 0:
				e.Offload(&p, fx.now)
				e.Credit(p.Dir, Seen{Packets: uint64(r.IntN(9)), Bytes: 99}, &fx.tmo, fx.now)
			case f != nil:
				e.Update(&p, f.Assess(&p), &fx.tmo, fx.now)
			case untracked:
				e.InsertUntracked(&p, uint32(r.IntN(9)), &fx.tmo, fx.now)
			default:
				e.Insert(&p, uint32(r.IntN(9)), &fx.tmo, fx.now)
			}
			e.Unlock()
		}
		if r.IntN(8) == 0 {
			fx.revoke(k)
		}
		fx.now = fx.now.Add(time.Duration(r.IntN(100)) * time.Millisecond)
	}
	return fx
}

func byTuple(list []Image) map[Tuple]FlowInfo {
	out := make(map[Tuple]FlowInfo, len(list))
	for i := range list {
		out[list[i].Info().Tuple] = list[i].Info()
	}
	return out
}

// TestImagesAreWhole: a table that was written and read back has the same flows, in all that
// the table knows of them, and limits and queues that agree with them.
func TestImagesAreWhole(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		fx := randomTable(t, r, 600)
		fx.table.Expire(fx.now, 1<<20)
		before := images(fx.table, fx.now)
		if len(before) < 200 {
			t.Fatalf("seed %d: %d flows", seed, len(before))
		}
		to := NewTable(Config{})
		for i := range before {
			info := before[i].Info()
			var m Image
			if err := m.Decode(before[i].Append(nil)); err != nil {
				t.Fatalf("seed %d: %v: %+v", seed, err, before[i].flow)
			}
			m.Move(info.Tuple.Scope(), info.Rule, 0)
			// The links of queues are the table's.
			want := before[i].flow
			want.older, want.newer = 0, 0
			if m.flow != want {
				t.Fatalf("seed %d: read\n%+v, want\n%+v", seed, m.flow, want)
			}
			if got := to.Restore(&m, uint8(i), fx.now); got != Restored {
				t.Fatalf("seed %d: result %d for %+v", seed, got, info)
			}
		}
		want, got := byTuple(before), byTuple(images(to, fx.now))
		for k, f := range want {
			if got[k] != f {
				t.Errorf("seed %d: restored %+v, want %+v", seed, got[k], f)
			}
		}
		if len(got) != len(want) || to.Len() != fx.table.Len() ||
			to.Untracked() != fx.table.Untracked() {
			t.Errorf("seed %d: %d flows and %d untracked, want %d and %d", seed, to.Len(),
				to.Untracked(), fx.table.Len(), fx.table.Untracked())
		}
		for id := range queueKinds {
			if a, b := fx.table.kinds[id].committed.Load(), to.kinds[id].committed.Load(); a != b {
				t.Errorf("seed %d: kind %d: %d flows, want %d", seed, id, b, a)
			}
		}
		// All of it ends: queues and counts agree with the entries.
		to.Expire(fx.now.Add(6*24*time.Hour), 1<<20)
		if to.Len() != 0 || to.Untracked() != 0 {
			t.Errorf("seed %d: %d flows never end", seed, to.Len()+to.Untracked())
		}
	}
}

// TestImagesUnderLoad: flows are copied while workers use, end and open them. Each copy is of
// one moment: its packets and bytes belong together.
func TestImagesUnderLoad(t *testing.T) {
	table := NewTable(Config{})
	tuples := manyTuples(2000)
	var stop atomic.Bool
	var wg sync.WaitGroup
	for lane := range 3 {
		wg.Go(func() {
			tmo, r := DefaultTimeouts(), rand.New(rand.NewPCG(uint64(lane), 1))
			for !stop.Load() {
				k := &tuples[r.IntN(len(tuples))]
				p := PacketMeta{Class: ClassUDP, Bytes: 100, Lane: uint8(lane)}
				e := table.Lock(k, 1)
				switch {
				case e.Flow() == nil:
					e.Insert(&p, 1, &tmo, 1)
				case r.IntN(50) > 0:
					e.Update(&p, OutcomeMember, &tmo, 1)
				default:
					e.Unlock()
					table.Delete(k, 1)
					continue
				}
				e.Unlock()
			}
		})
	}
	seen := 0
	for end := time.Now().Add(10 * time.Second); seen < 50_000 && time.Now().Before(end); {
		for _, m := range images(table, 1) {
			seen++
			if f := m.Info(); f.Bytes[Ingress] != 100*uint64(f.Packets[Ingress]) ||
				f.State != StateUnreplied {
				t.Errorf("torn: %+v", f)
			}
		}
	}
	stop.Store(true)
	wg.Wait()
	if seen < 50_000 {
		t.Errorf("%d flows were seen", seen)
	}
}

func TestRestoreRefuses(t *testing.T) {
	fx := newFixture(t, Config{}, shardBits)
	fx.now = Time(100 * time.Hour)
	fx.established()
	one := images(fx.table, fx.now)[0]
	for _, c := range []struct {
		name  string
		later time.Duration
		want  RestoreResult
	}{
		{"now", 0, Restored},
		{"a day later", -24 * time.Hour, Restored},
		{"when its timer has run out", -6 * 24 * time.Hour, RestoreOver},
		{"begun in the future", time.Minute, RestoreFuture},
		{"a longer timer than any", 24 * time.Hour, RestoreFuture},
		{"beyond the clock", 1 << 62, RestoreFuture},
		{"before the clock", -1 << 62, RestoreOver},
	} {
		m := one
		m.Move(1, 7, c.later)
		to := NewTable(Config{})
		if got := to.Restore(&m, 0, fx.now); got != c.want || (to.Len() == 1) != (c.want == Restored) {
			t.Errorf("%s: %d with %d flows, want %d", c.name, got, to.Len(), c.want)
		}
	}
}

// TestDecodeRefuses: single bytes that make of a flow what no table has.
func TestDecodeRefuses(t *testing.T) {
	fx := newFixture(t, Config{}, shardBits)
	fx.now = Time(100 * time.Hour)
	fx.udp()
	udp := images(fx.table, fx.now)[0].Append(nil)
	for _, c := range []struct {
		name string
		at   int
		to   byte
	}{
		{"no state", 37, byte(stateFree)},
		{"a state of TCP", 37, byte(StateEstablished)},
		{"a state that is none", 37, byte(StateRevoked) + 1},
		{"another class", 38, byte(ClassQuery)},
		{"a class that is none", 38, 9},
		{"another protocol", 36, ProtoTCP},
		{"flags of TCP", 43, byte(flagKnown)},
		{"flags that are none", 44, 1 << 7},
		{"numbers of TCP", 45, 1},
		{"a claim", 93, 1},
		{"one address of IPv6", 0, 0x20},
		{"a lock that is held", 42, 0x80},
		{"begun after its end", 92, 0x40},
	} {
		b := slices.Clone(udp)
		b[c.at] = c.to
		var m Image
		if err := m.Decode(b); err == nil {
			t.Errorf("%s: %+v", c.name, m.flow)
		}
	}
	var m Image
	if m.Decode(udp[1:]) == nil || m.Decode(append(udp, 0)) == nil || m.Decode(udp) != nil {
		t.Error("lengths are not told apart")
	}
}

// TestRestoreKeepsLimits: what no room is left for stays out, and open connections take the
// room of others.
func TestRestoreKeepsLimits(t *testing.T) {
	fx := newFixture(t, Config{}, shardBits)
	fx.now = Time(time.Hour)
	for range 20 {
		fx.udp()
		fx.established()
	}
	to := NewTable(Config{MaxFlows: 10})
	counts := map[RestoreResult]int{}
	for _, m := range images(fx.table, fx.now) {
		counts[to.Restore(&m, 0, fx.now)]++
	}
	open := 0
	for _, m := range images(to, fx.now) {
		if m.flow.state == StateEstablished {
			open++
		}
	}
	if to.Len() != 10 || open != 10 || counts[RestoreFull] == 0 {
		t.Errorf("%d flows, %d open, results %v", to.Len(), open, counts)
	}
}

func TestTotalsGoOn(t *testing.T) {
	fx := newFixture(t, Config{MaxFlows: 4}, shardBits)
	for range 9 {
		fx.syn()
	}
	to := NewTable(Config{MaxFlows: 4})
	to.AddTotals(fx.table.Totals())
	to.AddTotals(nil)
	if got, want := to.Totals(), fx.table.Totals(); !slices.Equal(got, want) || want[0] != 9 {
		t.Errorf("totals %v, want %v", got, want)
	}
	if st := to.Stats(); st.Inserted != 9 || st.EvictedHalfOpen != 7 {
		t.Errorf("stats %+v", st)
	}
}

// FuzzImage: whatever bytes say, what is taken is a flow that a table handles.
func FuzzImage(f *testing.F) {
	fx := randomTable(f, rand.New(rand.NewPCG(1, 1)), 60)
	for _, m := range images(fx.table, fx.now) {
		f.Add(m.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Image
		if m.Decode(b) != nil {
			if m != (Image{}) {
				t.Fatal("something is left of what was refused")
			}
			return
		}
		if got := string(m.Append(nil)); got != string(b) {
			t.Fatalf("written again:\n%x, was\n%x", got, b)
		}
		to := NewTable(Config{MaxFlows: 8})
		m.Move(3, 1, 0)
		if to.Restore(&m, 200, fx.now) != Restored {
			return
		}
		k, tmo := m.Info().Tuple, DefaultTimeouts()
		for _, p := range []PacketMeta{udpPacket(in), udpPacket(out), tcpPacket(in, ACK, 1, 1),
			tcpPacket(out, FIN|ACK, 1, 2), tcpPacket(in, SYN, 9, 0), tcpPacket(out, RST, 2, 0)} {
			p.Class = m.Info().Class
			e := to.Lock(&k, fx.now)
			if e.Flow() != nil {
				e.Update(&p, e.Flow().Assess(&p), &tmo, fx.now)
			}
			e.Unlock()
		}
		to.Expire(fx.now.Add(6*24*time.Hour), 1<<20)
		if to.Len() != 0 || to.Untracked() != 0 {
			t.Fatal("it never ends")
		}
	})
}
