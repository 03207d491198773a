package conntrack

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sgfw/test/parity"
)

// TestUntrackedTakesNoRoom: tracked and untracked flows have separate limits, and neither
// kind is evicted for the other (T32).
func TestUntrackedTakesNoRoom(t *testing.T) {
	parity.Proves(t, "T32")
	fx := newFixture(t, Config{MaxFlows: 3, MaxUntracked: 2}, 0)
	a, b := fx.established(), fx.udp()
	u1, u2 := fx.tuple(ProtoUDP), fx.tuple(ProtoTCP)
	fx.untracked(udpPacket(in), u1)
	fx.untracked(tcpPacket(in, SYN, 1, 0), u2)
	d := fx.established()
	if st := fx.table.Stats(); st.Flows != 3 || st.Untracked != 2 || st.HalfOpen != 0 ||
		fx.table.Len() != 3 || fx.table.Untracked() != 2 {
		t.Fatalf("stats %+v", st)
	}
	// At the limit the oldest untracked flow is evicted.
	u3 := fx.tuple(ProtoUDP)
	fx.untracked(udpPacket(in), u3)
	fx.gone(u1, a, b, d, u2, u3)
	e := fx.established()
	fx.gone(b, a, d, e, u2, u3)
	if r := fx.add(udpPacket(in), fx.tuple(ProtoUDP)); r != TableFull {
		t.Errorf("a full table takes the place of an untracked flow: Insert = %v", r)
	}
	// Nor does an expired untracked flow make room for a tracked one.
	fx.now = fx.now.Add(40 * time.Second)
	if r := fx.add(udpPacket(in), fx.tuple(ProtoUDP)); r != TableFull {
		t.Errorf("an expired untracked flow made room: Insert = %v", r)
	}
	if st := fx.table.Stats(); st.EvictedUntracked != 1 || st.InsertedUntracked != 3 ||
		st.RefusedFull != 2 || st.Flows != 3 {
		t.Errorf("stats %+v", st)
	}
}

// TestUntrackedFlow: the state of an untracked flow is followed like that of others. The
// flow cannot be revoked, and it can become a tracked one (T19).
func TestUntrackedFlow(t *testing.T) {
	fx := newFixture(t, Config{MaxFlows: 4}, 0)
	k := fx.tuple(ProtoTCP)
	fx.untracked(tcpPacket(in, SYN, 99, 0), k)
	fx.pass(k, tcpPacket(out, SYN|ACK, 4999, 100))
	fx.pass(k, tcpPacket(in, ACK, 100, 5000))
	var info FlowInfo
	fx.table.Range(fx.now, func(f FlowInfo) bool { info = f; return true })
	if !info.Untracked || info.State != StateEstablished || info.Opener != Ingress ||
		info.Rule != 7 || info.Packets != [2]uint32{2, 1} {
		t.Errorf("untracked flow %+v", info)
	}
	if fx.table.Revoke(&info, fx.now) {
		t.Error("an untracked flow was revoked")
	}
	if r := fx.add(tcpPacket(in, ACK, 100, 5000), k); r != Inserted {
		t.Fatalf("Insert = %v", r)
	}
	fx.table.Range(fx.now, func(f FlowInfo) bool { info = f; return true })
	if st := fx.table.Stats(); info.Untracked || info.State != StatePickup ||
		st.Untracked != 0 || st.Flows != 1 || st.HalfOpen != 1 || st.Replaced != 1 {
		t.Errorf("tracked as %+v, stats %+v", info, st)
	}
	// And back, as after it was closed and reopened under wider rules.
	fx.untracked(tcpPacket(in, SYN, 1, 0), k)
	if st := fx.table.Stats(); st.Untracked != 1 || st.Flows != 0 || st.HalfOpen != 0 {
		t.Errorf("stats %+v", st)
	}
	if !fx.table.Delete(&k, fx.now) || fx.table.Stats().Untracked != 0 {
		t.Errorf("deleted: stats %+v", fx.table.Stats())
	}
}

// TestUntrackedAgainstNaive compares the flows that the table remembers with three
// lists, oldest first: unanswered ones, answered ones and established connections. A
// fourth one has the tracked flows, all of a kind that may have half of the table.
func TestUntrackedAgainstNaive(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fx := newFixture(t, Config{MaxFlows: 8, MaxUntracked: 4}, 0)
		var list, answered, proven []Tuple // untracked
		var tracked []Tuple
		over := make(map[Tuple]bool)
		tuples := make([]Tuple, 12)
		for i := range tuples {
			tuples[i] = fx.tuple([]uint8{ProtoTCP, ProtoUDP}[i%2])
		}
		forget := func(k Tuple) {
			is := func(o Tuple) bool { return o == k }
			list = slices.DeleteFunc(list, is)
			answered = slices.DeleteFunc(answered, is)
			proven = slices.DeleteFunc(proven, is)
			tracked = slices.DeleteFunc(tracked, is)
			delete(over, k)
		}
		for step := range 500 {
			k := tuples[rng.IntN(len(tuples))]
			tcp := k.Proto() == ProtoTCP
			first := PacketMeta{Class: classOf(k), TCP: TCPSegment{Seq: 99, Flags: SYN}}
			what := ""
			switch rng.IntN(6) {
			case 0, 1:
				what = "insert untracked"
				fx.untracked(first, k)
				fx.now = fx.now.Add(-time.Second) // nothing expires here
				forget(k)
				switch {
				case len(list)+len(answered)+len(proven) < 4:
				case len(list) > 0:
					list = list[1:]
				case len(answered) > 0:
					answered = answered[1:]
				default:
					proven = proven[1:]
				}
				list = append(list, k)
			case 2:
				if tcp {
					continue // half-open ones have a limit of their own
				}
				what = "insert tracked"
				r := fx.add(first, k)
				fx.now = fx.now.Add(-time.Second)
				if r != Inserted {
					t.Fatalf("seed %d step %d: Insert = %v", seed, step, r)
				}
				forget(k)
				if len(tracked) == 4 {
					tracked = tracked[1:]
				}
				tracked = append(tracked, k)
				fx.pass(k, udpPacket(out)) // an answer does not change what it is
			case 3:
				if tcp || !slices.Contains(list, k) && !slices.Contains(answered, k) {
					continue
				}
				what = "packet"
				d := Direction(rng.IntN(2))
				fx.pass(k, udpPacket(d))
				if d == Egress && slices.Contains(list, k) {
					forget(k)
					answered = append(answered, k)
				}
			case 4:
				what = "delete"
				fx.table.Delete(&k, fx.now)
				forget(k)
			case 5:
				switch {
				case tcp && slices.Contains(list, k) && !over[k]:
					what = "establish"
					fx.pass(k, tcpPacket(out, SYN|ACK, 4999, 100))
					fx.pass(k, tcpPacket(in, ACK, 100, 5000))
					forget(k)
					proven = append(proven, k)
				case slices.Contains(proven, k):
					what = "reset"
					fx.pass(k, tcpPacket(in, RST, 100, 0))
					forget(k)
					list, over[k] = append(list, k), true
				}
			}
			got := make(map[Tuple]string)
			fx.table.Range(fx.now, func(f FlowInfo) bool {
				got[f.Tuple] = fmt.Sprint(f.Untracked)
				return true
			})
			want := make(map[Tuple]string)
			for _, k := range slices.Concat(list, answered, proven) {
				want[k] = "true"
			}
			for _, k := range tracked {
				want[k] = "false"
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d step %d, %s %v: the table has %v, want %v", seed, step, what, k, got, want)
			}
			untracked := len(want) - len(tracked)
			if st := fx.table.Stats(); st.Untracked != untracked || st.Flows != len(tracked) ||
				st.HalfOpen != 0 || st.ClosedRST != 0 {
				t.Fatalf("seed %d step %d: stats %+v, want %d untracked, %d tracked",
					seed, step, st, untracked, len(tracked))
			}
		}
	}
}

// TestUntrackedConcurrent: both limits hold while workers open, change and end flows of
// both kinds (run with -race).
func TestUntrackedConcurrent(t *testing.T) {
	const maxFlows, maxUntracked, workers, rounds = 50, 30, 4, 10000
	table := NewTable(Config{MaxFlows: maxFlows, MaxUntracked: maxUntracked})
	tuples := manyTuples(400)
	tmo := DefaultTimeouts()
	var clock, established atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 2))
			for range rounds {
				now := Time(clock.Add(int64(time.Millisecond)))
				k := &tuples[rng.IntN(len(tuples))]
				s := PacketMeta{Class: classOf(*k), Lane: uint8(w), TCP: TCPSegment{Flags: SYN}}
				e := table.Lock(k, now)
				switch f := e.Flow(); {
				case f != nil && rng.IntN(2) == 0: // the next step of its handshake, or its end
					switch f.State() {
					case StateSynSent:
						s.Dir, s.TCP = Egress, TCPSegment{Seq: 10, Ack: 1, Flags: SYN | ACK}
					case StateSynRecv:
						s.TCP = TCPSegment{Seq: 1, Ack: 11, Flags: ACK}
						established.Add(1)
					case StateEstablished:
						s.TCP = TCPSegment{Seq: 1, Ack: 11, Flags: []TCPFlags{ACK, RST}[rng.IntN(2)]}
					}
					e.Update(&s, f.Assess(&s), &tmo, now)
				case rng.IntN(2) == 0:
					e.InsertUntracked(&s, 0, &tmo, now)
				case f == nil || rng.IntN(3) == 0:
					e.Insert(&s, 0, &tmo, now)
				default:
					e.Update(&s, f.Assess(&s), &tmo, now)
				}
				e.Unlock()
				if n, u := table.Len(), table.Untracked(); n > maxFlows || u > maxUntracked {
					t.Errorf("%d tracked and %d untracked flows", n, u)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := established.Load(); n < 100 {
		t.Errorf("%d connections were established", n)
	}
	var kinds [2]int
	now := Time(clock.Load())
	table.Range(now, func(f FlowInfo) bool {
		if f.Untracked {
			kinds[1]++
		} else {
			kinds[0]++
		}
		return true
	})
	if st := table.Stats(); kinds[0] > st.Flows || kinds[1] > st.Untracked ||
		kinds[0] > maxFlows || kinds[1] > maxUntracked {
		t.Errorf("%v flows by kind, stats %+v", kinds, st)
	}
	table.Expire(now.Add(24*5*time.Hour+time.Second), 1<<20)
	if st := table.Stats(); st.Flows != 0 || st.Untracked != 0 || st.HalfOpen != 0 {
		t.Errorf("after all have expired: %+v", st)
	}
}
