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

// untracked begins to remember a flow without tracking it.
func (c *crowd) untracked(p PacketMeta, k Tuple) {
	c.now = c.now.Add(time.Second)
	e := c.table.Lock(&k, c.now)
	defer e.Unlock()
	e.InsertUntracked(&p, 7, &c.tmo, c.now)
}

// TestUntrackedTakesNoRoom: what is remembered untracked neither needs nor takes
// a place of a tracked flow, and the other way round; one kind never makes room
// for the other (T32).
func TestUntrackedTakesNoRoom(t *testing.T) {
	parity.Proves(t, "T32")
	c := newCrowd(t, Config{MaxFlows: 3, MaxUntracked: 2}, 0)
	a, b := c.established(), c.udp()
	u1, u2 := c.tuple(ProtoUDP), c.tuple(ProtoTCP)
	c.untracked(PacketMeta{Class: ClassUDP}, u1)
	c.untracked(PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 1, Flags: SYN}}, u2)
	d := c.established()
	if st := c.table.Stats(); st.Flows != 3 || st.Untracked != 2 || st.HalfOpen != 0 || c.table.Len() != 3 || c.table.Untracked() != 2 {
		t.Fatalf("stats %+v", st)
	}
	// The table is full: of its own kind the oldest goes.
	u3 := c.tuple(ProtoUDP)
	c.untracked(PacketMeta{Class: ClassUDP}, u3)
	c.gone(u1, a, b, d, u2, u3)
	e := c.established()
	c.gone(b, a, d, e, u2, u3)
	if r := c.add(PacketMeta{Class: ClassUDP}, c.tuple(ProtoUDP)); r != TableFull {
		t.Errorf("a full table takes the place of an untracked flow: Insert = %v", r)
	}
	// Nor is the place of one that has run out a place for a tracked flow.
	c.now = c.now.Add(40 * time.Second)
	if r := c.add(PacketMeta{Class: ClassUDP}, c.tuple(ProtoUDP)); r != TableFull {
		t.Errorf("an untracked flow that ran out made room: Insert = %v", r)
	}
	if st := c.table.Stats(); st.EvictedUntracked != 1 || st.InsertedUntracked != 3 || st.RefusedFull != 2 || st.Flows != 3 {
		t.Errorf("stats %+v", st)
	}
}

// TestUntrackedFlow: such a flow is followed like others and says that it is not
// tracked; it cannot be revoked, and it can become a tracked one (T19).
func TestUntrackedFlow(t *testing.T) {
	c := newCrowd(t, Config{MaxFlows: 4}, 0)
	k := c.tuple(ProtoTCP)
	c.untracked(PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 99, Flags: SYN}}, k)
	c.pass(k, PacketMeta{Dir: Egress, Class: ClassTCP, TCP: TCPSegment{Seq: 4999, Ack: 100, Flags: SYN | ACK}})
	c.pass(k, PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 100, Ack: 5000, Flags: ACK}})
	var info FlowInfo
	c.table.Range(c.now, func(f FlowInfo) bool { info = f; return true })
	if !info.Untracked || info.State != StateEstablished || info.Opener != Ingress || info.Rule != 7 || info.Packets != [2]uint32{2, 1} {
		t.Errorf("remembered as %+v", info)
	}
	if c.table.Revoke(&info, c.now) {
		t.Error("an untracked flow was revoked")
	}
	if r := c.add(PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 100, Ack: 5000, Flags: ACK}}, k); r != Inserted {
		t.Fatalf("Insert = %v", r)
	}
	c.table.Range(c.now, func(f FlowInfo) bool { info = f; return true })
	if st := c.table.Stats(); info.Untracked || info.State != StatePickup || st.Untracked != 0 || st.Flows != 1 || st.HalfOpen != 1 || st.Replaced != 1 {
		t.Errorf("tracked as %+v, stats %+v", info, st)
	}
	// And back, as when it is closed and begins anew under wider rules.
	c.untracked(PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 1, Flags: SYN}}, k)
	if st := c.table.Stats(); st.Untracked != 1 || st.Flows != 0 || st.HalfOpen != 0 {
		t.Errorf("stats %+v", st)
	}
	if !c.table.Delete(&k, c.now) || c.table.Stats().Untracked != 0 {
		t.Errorf("deleted: stats %+v", c.table.Stats())
	}
}

// TestUntrackedAgainstTwin compares the flows that the table remembers with three
// lists, the oldest first: those that are not answered, those that are, and
// established connections; and with a set of tracked ones.
func TestUntrackedAgainstTwin(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		c := newCrowd(t, Config{MaxFlows: 8, MaxUntracked: 4}, 0)
		var list, answered, proven []Tuple // untracked
		tracked, over := make(map[Tuple]bool), make(map[Tuple]bool)
		tuples := make([]Tuple, 12)
		for i := range tuples {
			tuples[i] = c.tuple([]uint8{ProtoTCP, ProtoUDP}[i%2])
		}
		forget := func(k Tuple) {
			is := func(o Tuple) bool { return o == k }
			list, answered, proven = slices.DeleteFunc(list, is), slices.DeleteFunc(answered, is), slices.DeleteFunc(proven, is)
			delete(over, k)
		}
		for step := range 500 {
			k := tuples[rng.IntN(len(tuples))]
			tcp := k.Proto() == ProtoTCP
			first := PacketMeta{Class: classOf(k), TCP: TCPSegment{Seq: 99, Flags: SYN}}
			what := ""
			switch rng.IntN(6) {
			case 0, 1:
				what = "remember"
				c.untracked(first, k)
				c.now = c.now.Add(-time.Second) // nothing runs out here
				forget(k)
				delete(tracked, k)
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
				what = "track"
				r := c.add(first, k)
				c.now = c.now.Add(-time.Second)
				want := Inserted
				if !tracked[k] && len(tracked) == 8 {
					want = TableFull
				}
				if r != want {
					t.Fatalf("seed %d step %d: Insert = %v, want %v", seed, step, r, want)
				}
				if r == Inserted {
					forget(k)
					tracked[k] = true
					c.pass(k, PacketMeta{Dir: Egress, Class: ClassUDP}) // replied: it stays
				}
			case 3:
				if tcp || !slices.Contains(list, k) && !slices.Contains(answered, k) {
					continue
				}
				what = "packet"
				d := Direction(rng.IntN(2))
				c.pass(k, PacketMeta{Dir: d, Class: ClassUDP})
				if d == Egress && slices.Contains(list, k) {
					forget(k)
					answered = append(answered, k)
				}
			case 4:
				what = "delete"
				c.table.Delete(&k, c.now)
				delete(tracked, k)
				forget(k)
			case 5:
				switch {
				case tcp && slices.Contains(list, k) && !over[k]:
					what = "establish"
					c.pass(k, PacketMeta{Dir: Egress, Class: ClassTCP, TCP: TCPSegment{Seq: 4999, Ack: 100, Flags: SYN | ACK}})
					c.pass(k, PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 100, Ack: 5000, Flags: ACK}})
					forget(k)
					proven = append(proven, k)
				case slices.Contains(proven, k):
					what = "reset"
					c.pass(k, PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 100, Flags: RST}})
					forget(k)
					list, over[k] = append(list, k), true
				}
			}
			got := make(map[Tuple]string)
			c.table.Range(c.now, func(f FlowInfo) bool { got[f.Tuple] = fmt.Sprint(f.Untracked); return true })
			want := make(map[Tuple]string)
			for _, k := range slices.Concat(list, answered, proven) {
				want[k] = "true"
			}
			for k := range tracked {
				want[k] = "false"
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d step %d, %s %v: the table has %v, want %v", seed, step, what, k, got, want)
			}
			if st := c.table.Stats(); st.Untracked != len(want)-len(tracked) || st.Flows != len(tracked) || st.HalfOpen != 0 || st.ClosedRST != 0 {
				t.Fatalf("seed %d step %d: stats %+v, want %d untracked, %d tracked", seed, step, st, len(want)-len(tracked), len(tracked))
			}
		}
	}
}

// TestUntrackedConcurrent: both limits hold while flows of both kinds come, change
// their kind and their state and go on all sides (run with -race).
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
				c := table.Lock(k, now)
				switch f := c.Flow(); {
				case f != nil && rng.IntN(2) == 0: // what it waits for, or its end
					switch f.State() {
					case StateSynSent:
						s.Dir, s.TCP = Egress, TCPSegment{Seq: 10, Ack: 1, Flags: SYN | ACK}
					case StateSynRecv:
						s.TCP = TCPSegment{Seq: 1, Ack: 11, Flags: ACK}
						established.Add(1)
					case StateEstablished:
						s.TCP = TCPSegment{Seq: 1, Ack: 11, Flags: []TCPFlags{ACK, RST}[rng.IntN(2)]}
					}
					c.Update(&s, f.Assess(&s), &tmo, now)
				case rng.IntN(2) == 0:
					c.InsertUntracked(&s, 0, &tmo, now)
				case f == nil || rng.IntN(3) == 0:
					c.Insert(&s, 0, &tmo, now)
				default:
					c.Update(&s, f.Assess(&s), &tmo, now)
				}
				c.Unlock()
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
	if st := table.Stats(); kinds[0] > st.Flows || kinds[1] > st.Untracked || kinds[0] > maxFlows || kinds[1] > maxUntracked {
		t.Errorf("%v flows by kind, stats %+v", kinds, st)
	}
	table.Expire(now.Add(24*5*time.Hour+time.Second), 1<<20)
	if st := table.Stats(); st.Flows != 0 || st.Untracked != 0 || st.HalfOpen != 0 {
		t.Errorf("after all have run out: %+v", st)
	}
}
