package keep

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"sgfw/conntrack"
)

// memory is a file.
type memory struct {
	bytes  []byte
	writes int
	// fails is how many bytes there is room for; 0 is no limit.
	fails int
}

func (m *memory) WriteAt(b []byte, at int64) (int, error) {
	end := int(at) + len(b)
	if m.fails != 0 && end > m.fails {
		return 0, errors.New("no room")
	}
	if end > len(m.bytes) {
		m.bytes = append(m.bytes, make([]byte, end-len(m.bytes))...)
	}
	m.writes++
	return copy(m.bytes[at:], b), nil
}

var here = Origin{Boot: "2f0c5c0e-boot", Network: "net:4026531840"}

const (
	most = 1 << 16
	// began is the time of the tables of the tests, up is the machine's by then.
	began = conntrack.Time(100 * time.Hour)
	up    = 300 * time.Hour
)

var at = Clocks{Table: began, Boot: up}

// Two scopes and some rules have names.
var (
	names = Names{
		Scope: func(n conntrack.Scope) ID { return ID(n) * 1000 },
		Rule:  func(n uint32) ID { return ID(n) * 77 },
	}
	numbers = Numbers{
		Scope: func(id ID) (conntrack.Scope, bool) { return conntrack.Scope(id/1000 + 10), id%1000 == 0 },
		Rule:  func(id ID) uint32 { return uint32(id / 77) },
	}
)

// fill puts n random flows into a table.
func fill(t *conntrack.Table, r *rand.Rand, n int, now conntrack.Time) {
	tmo := conntrack.DefaultTimeouts()
	for range n {
		p := conntrack.PacketMeta{Dir: conntrack.Direction(r.IntN(2)), Bytes: 100}
		proto := uint8(conntrack.ProtoUDP)
		if p.Class = conntrack.ClassUDP; r.IntN(2) == 0 {
			proto, p.Class = conntrack.ProtoTCP, conntrack.ClassTCP
			p.TCP = conntrack.TCPSegment{Seq: r.Uint32(), Flags: conntrack.SYN}
		}
		k := conntrack.NewTuple(conntrack.Scope(1+r.IntN(2)), p.Dir, proto,
			conntrack.Addr4([4]byte{10, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}),
			conntrack.Addr4([4]byte{192, 0, 2, 1}), uint16(r.Uint32()), 443)
		p.Lane = uint8(r.IntN(conntrack.Lanes))
		e := t.Lock(&k, now)
		if r.IntN(4) == 0 {
			e.InsertUntracked(&p, r.Uint32N(9), &tmo, now)
		} else {
			e.Insert(&p, r.Uint32N(9), &tmo, now)
		}
		e.Unlock()
	}
}

// flows are those of a table, as text without the scope.
func flows(t *conntrack.Table, now conntrack.Time, up conntrack.Scope) map[string]int {
	out := map[string]int{}
	t.Range(now, func(f conntrack.FlowInfo) bool {
		scope := f.Tuple.Scope()
		out[fmt.Sprintln(scope+up, f.Tuple.Proto(), f.Tuple.Local, f.Tuple.LocalPort, f.Tuple.Remote,
			f.Tuple.RemotePort, f.State, f.Opener, f.Untracked, f.Rule, f.Created, f.Expires, f.Packets,
			f.Bytes)]++
		return true
	})
	return out
}

// written returns a file of the flows of a table, and the writer.
func written(tb testing.TB, t *conntrack.Table, counters []Counter, e Ending) (*memory, *Writer) {
	tb.Helper()
	m := new(memory)
	w := NewWriter(m, t, here, most)
	if _, err := w.Save(at, names, counters, e); err != nil {
		tb.Fatal(err)
	}
	return m, w
}

// read puts a file into a new table.
func read(tb testing.TB, m *memory, c Clocks) (*conntrack.Table, Result, []Counter) {
	tb.Helper()
	k, err := Read(bytes.NewReader(m.bytes), here, c.Boot, most)
	if err != nil {
		tb.Fatal(err)
	}
	to := conntrack.NewTable(conntrack.Config{})
	res, counters := k.Restore(to, c, numbers)
	return to, res, counters
}

func same(tb testing.TB, what string, got, want map[string]int) {
	tb.Helper()
	for f := range got {
		if want[f] == 0 {
			tb.Errorf("%s: a flow that was not there: %s", what, f)
		}
	}
	if len(got) != len(want) {
		tb.Errorf("%s: %d flows, want %d", what, len(got), len(want))
	}
}

// TestTheSameComesBack: random tables that change between passes come back as they are.
func TestTheSameComesBack(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		from := conntrack.NewTable(conntrack.Config{})
		m := new(memory)
		w := NewWriter(m, from, here, most)
		c := at
		for pass := range 6 {
			fill(from, r, r.IntN(900), c.Table)
			from.Range(c.Table, func(f conntrack.FlowInfo) bool {
				switch r.IntN(20) {
				case 0:
					from.Delete(&f.Tuple, c.Table)
				case 1:
					from.Revoke(&f, c.Table)
				}
				return true
			})
			counters := make([]Counter, r.IntN(500))
			for i := range counters {
				counters[i] = Counter{ID: ID(i + 1), Value: r.Uint64(), Last: c.Table - 1}
			}
			if _, err := w.Save(c, names, counters, EndingShut); err != nil {
				t.Fatal(err)
			}
			to, res, got := read(t, m, c)
			what := fmt.Sprintf("seed %d, pass %d", seed, pass)
			same(t, what, flows(to, c.Table, 0), flows(from, c.Table, 10))
			if res.Left()+res.Damaged+res.Replaced+res.Over != 0 {
				t.Errorf("%s: %+v", what, res)
			}
			if len(got) != len(counters) {
				t.Fatalf("%s: %d counters, want %d", what, len(got), len(counters))
			}
			for i := range got {
				if got[i] != counters[i] {
					t.Errorf("%s: counter %+v, want %+v", what, got[i], counters[i])
				}
			}
			c.Table, c.Boot = c.Table.Add(5*time.Second), c.Boot+5*time.Second
		}
	}
}

// TestOnlyChangesAreWritten: a pass over a table that rests writes the header alone.
func TestOnlyChangesAreWritten(t *testing.T) {
	from := conntrack.NewTable(conntrack.Config{})
	fill(from, rand.New(rand.NewPCG(1, 1)), 20000, began)
	m, w := written(t, from, []Counter{{ID: 1, Value: 1}}, EndingNone)
	before := m.writes
	out, err := w.Save(at, names, []Counter{{ID: 1, Value: 1}}, EndingNone)
	if err != nil || out.Changed != 0 || m.writes != before+1 || out.Flows != 20000 {
		t.Errorf("%+v in %d writes, %v", out, m.writes-before, err)
	}
	// The machine slept: all times are others.
	c := at
	c.Boot += time.Hour
	if out, _ = w.Save(c, names, nil, EndingNone); out.Changed < 500 {
		t.Errorf("after a suspension: %+v", out)
	}
	if _, res, _ := read(t, m, c); res.Restored != 20000 {
		t.Errorf("after a suspension: %+v", res)
	}
}

// TestTimersRunOn: time that passes between two processes passes for flows, whatever their
// clocks begin with.
func TestTimersRunOn(t *testing.T) {
	from := conntrack.NewTable(conntrack.Config{})
	fill(from, rand.New(rand.NewPCG(2, 1)), 100, began)
	m, _ := written(t, from, []Counter{{ID: 9, Value: 3, Last: began}}, EndingShut)
	for _, c := range []struct {
		table conntrack.Time
		boot  time.Duration
		udp   bool
	}{{began, 10 * time.Second, true}, {0, 10 * time.Second, true}, {5, 40 * time.Second, false},
		{began * 2, 40 * time.Second, false}} {
		to, res, counters := read(t, m, Clocks{Table: c.table, Boot: up + c.boot})
		left := 0
		to.Range(c.table, func(f conntrack.FlowInfo) bool {
			if f.Class == conntrack.ClassUDP {
				left++
			} else if d := f.Expires.Sub(c.table) - (120*time.Second - c.boot); d.Abs() > time.Second {
				t.Errorf("a SYN has %v left after %v", f.Expires.Sub(c.table), c.boot)
			}
			return true
		})
		if (left > 0) != c.udp || (res.Over > 0) == c.udp || res.Impossible+res.Gone != 0 {
			t.Errorf("after %v: %d of UDP, %+v", c.boot, left, res)
		}
		if want := max(0, c.table.Add(-c.boot)); counters[0].Last != want {
			t.Errorf("after %v: last hit at %d, want %d", c.boot, counters[0].Last, want)
		}
	}
}

// TestWhatIsGoneStaysOut: flows of scopes that are not there, or never had a name.
func TestWhatIsGoneStaysOut(t *testing.T) {
	from := conntrack.NewTable(conntrack.Config{})
	fill(from, rand.New(rand.NewPCG(3, 1)), 1000, began)
	m, w := written(t, from, nil, EndingShut)
	by := numbers
	by.Scope = func(id ID) (conntrack.Scope, bool) { return 5, id == 1000 }
	by.Rule = func(ID) uint32 { return 0 }
	k, err := Read(bytes.NewReader(m.bytes), here, up, most)
	if err != nil {
		t.Fatal(err)
	}
	to := conntrack.NewTable(conntrack.Config{})
	res, _ := k.Restore(to, at, by)
	if res.Gone < 300 || res.Restored < 300 || res.Gone+res.Restored != 1000 {
		t.Errorf("%+v", res)
	}
	to.Range(began, func(f conntrack.FlowInfo) bool {
		if f.Tuple.Scope() != 5 || f.Rule != 0 {
			t.Fatalf("%+v", f)
		}
		return true
	})
	unnamed := names
	unnamed.Scope = func(n conntrack.Scope) ID { return ID(n % 2) }
	if out, err := w.Save(at, unnamed, nil, EndingShut); err != nil || out.Unnamed != res.Gone {
		t.Errorf("%+v, %v: want %d unnamed", out, err, res.Gone)
	}
}

func TestNothingIsTakenFrom(t *testing.T) {
	from := conntrack.NewTable(conntrack.Config{})
	fill(from, rand.New(rand.NewPCG(4, 1)), 100, began)
	m, _ := written(t, from, nil, EndingNone)
	flip := func(at int) []byte {
		b := bytes.Clone(m.bytes)
		b[at] ^= 1
		return b
	}
	for _, c := range []struct {
		name string
		file []byte
		from Origin
		now  time.Duration
		want error
	}{
		{"nothing", nil, here, up, ErrForeign},
		{"half a header", m.bytes[:100], here, up, ErrForeign},
		{"another program's file", flip(0), here, up, ErrForeign},
		{"another layout", flip(8), here, up, ErrForeign},
		{"a flipped header", flip(40), here, up, ErrDamaged},
		{"another boot", m.bytes, Origin{Boot: "x", Network: here.Network}, up, ErrOrigin},
		{"another network", m.bytes, Origin{Boot: here.Boot, Network: "net:1"}, up, ErrOrigin},
		{"the future", m.bytes, here, up - time.Second, ErrOld},
		{"long ago", m.bytes, here, up + Longest + 1, ErrOld},
		{"just in time", m.bytes, here, up + Longest, nil},
	} {
		if _, err := Read(bytes.NewReader(c.file), c.from, c.now, most); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	fails := errors.New("broken")
	if _, err := Read(io.MultiReader(bytes.NewReader(m.bytes[:BlockSize]), failing{fails}), here, up,
		most); !errors.Is(err, fails) {
		t.Errorf("a reader that fails: %v", err)
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// TestCorruptionLeavesTheRest: whatever happens to some bytes of the file, what comes back is
// flows that were there, and the loss is counted.
func TestCorruptionLeavesTheRest(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	from := conntrack.NewTable(conntrack.Config{})
	fill(from, r, 3000, began)
	m, _ := written(t, from, nil, EndingShut)
	other, _ := written(t, from, nil, EndingShut)
	all := flows(from, began, 10)
	blocks := len(m.bytes) / BlockSize
	for _, c := range []struct {
		name   string
		damage func(b []byte) []byte
	}{
		{"a bit", func(b []byte) []byte {
			b[BlockSize+r.IntN(len(b)-BlockSize)] ^= 1 << r.IntN(8)
			return b
		}},
		{"a torn end", func(b []byte) []byte { return b[:len(b)-1-r.IntN(BlockSize-1)] }},
		{"a hole", func(b []byte) []byte {
			n := 1 + r.IntN(blocks-1)
			clear(b[n*BlockSize : (n+1)*BlockSize])
			return b
		}},
		{"two blocks changed places", func(b []byte) []byte {
			x, y := b[BlockSize:2*BlockSize], b[2*BlockSize:3*BlockSize]
			z := bytes.Clone(x)
			copy(x, y)
			copy(y, z)
			return b
		}},
		{"a block of another file", func(b []byte) []byte {
			copy(b[BlockSize:2*BlockSize], other.bytes[BlockSize:])
			return b
		}},
		{"half of a block of later", func(b []byte) []byte {
			copy(b[BlockSize:BlockSize+2000], other.bytes[2*BlockSize:])
			return b
		}},
	} {
		for range 6 {
			b := c.damage(bytes.Clone(m.bytes))
			to, res, _ := read(t, &memory{bytes: b}, at)
			got := flows(to, began, 0)
			for f := range got {
				if all[f] == 0 {
					t.Fatalf("%s: a flow that was not there: %s", c.name, f)
				}
			}
			if res.Damaged == 0 || res.Damaged > 2 ||
				len(all)-len(got) > res.Damaged*conntrack.SlabFlows {
				t.Fatalf("%s: %d of %d flows, %+v", c.name, len(got), len(all), res)
			}
		}
	}
}

// TestKilledBetweenBlocks: what is killed in the middle of a pass leaves a file of old and new
// blocks. Each flow that lived through the pass is there once.
func TestKilledBetweenBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	from := conntrack.NewTable(conntrack.Config{})
	fill(from, r, 2000, began)
	m, w := written(t, from, nil, EndingShut)
	old := bytes.Clone(m.bytes)
	stay := flows(from, began, 10)
	// Flows end and others begin with the same tuples, in other places.
	var again []conntrack.Tuple
	from.Range(began, func(f conntrack.FlowInfo) bool {
		if f.Tuple.Proto() == conntrack.ProtoUDP && r.IntN(2) == 0 {
			again = append(again, f.Tuple)
		}
		return true
	})
	for i := range again {
		from.Delete(&again[i], began)
	}
	tmo := conntrack.DefaultTimeouts()
	later := began.Add(time.Second)
	r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	for i := range again {
		e := from.Lock(&again[i], later)
		e.Insert(&conntrack.PacketMeta{Class: conntrack.ClassUDP, Lane: 3}, 1, &tmo, later)
		e.Unlock()
	}
	c := Clocks{Table: later, Boot: up + time.Second}
	if _, err := w.Save(c, names, nil, EndingShut); err != nil {
		t.Fatal(err)
	}
	renewed := flows(from, later, 10)
	for f := range stay {
		if renewed[f] == 0 {
			delete(stay, f)
		}
	}
	for n := 1; n*BlockSize <= len(m.bytes); n += 7 {
		mix := append(bytes.Clone(m.bytes[:n*BlockSize]), old[min(n*BlockSize, len(old)):]...)
		copy(mix[:BlockSize], old) // the header comes last
		to, res, _ := read(t, &memory{bytes: mix}, c)
		got := flows(to, later, 0)
		for f := range stay {
			if got[f] != 1 {
				t.Fatalf("killed after %d blocks: %d times %s", n, got[f], f)
			}
		}
		if res.Damaged+res.Impossible != 0 {
			t.Fatalf("killed after %d blocks: %+v", n, res)
		}
	}
}

// TestWritingFails: the next pass writes everything that the failed one had not.
func TestWritingFails(t *testing.T) {
	from := conntrack.NewTable(conntrack.Config{})
	fill(from, rand.New(rand.NewPCG(7, 1)), 20000, began)
	m := &memory{fails: 100 * BlockSize}
	w := NewWriter(m, from, here, most)
	if _, err := w.Save(at, names, nil, EndingShut); err == nil {
		t.Fatal("a full disk is none")
	}
	m.fails = 0
	if _, err := w.Save(at, names, nil, EndingShut); err != nil {
		t.Fatal(err)
	}
	to, _, _ := read(t, m, at)
	same(t, "after a failure", flows(to, began, 0), flows(from, began, 10))
	small := NewWriter(new(memory), from, here, 100)
	if _, err := small.Save(at, names, nil, EndingShut); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than the file may have: %v", err)
	}
	k, err := Read(bytes.NewReader(m.bytes), here, up, 100)
	if err != nil || k.Damaged != 1 || k.Flows() > 99*conntrack.SlabFlows || k.Flows() == 0 {
		t.Errorf("a file beyond the limit: %d flows, %d damaged, %v", k.Flows(), k.Damaged, err)
	}
}
