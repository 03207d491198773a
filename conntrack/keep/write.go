package keep

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"time"

	"sgfw/conntrack"
)

// Names gives the numbers of this process the names that they have in every one.
type Names struct {
	// Scope and Rule return 0 for what has no name: flows of such a scope are left out.
	Scope func(conntrack.Scope) ID
	Rule  func(rule uint32) ID
}

// Counter is something that goes on where it was.
type Counter struct {
	ID    ID
	Value uint64
	// Last is when it was last counted, 0 where that is not known.
	Last conntrack.Time
}

// Clocks are one moment by two clocks.
type Clocks struct {
	// Table is the time of the flow table, Boot the one of the machine since its start,
	// suspension included (CLOCK_BOOTTIME).
	Table conntrack.Time
	Boot  time.Duration
}

// jitter is by how much two pairs of clocks may differ and still tell of one offset:
// less than a flow's times are exact to.
const jitter = conntrack.Granularity / 4

// Written is what one pass did.
type Written struct {
	// Flows is how many there are in the file, Unnamed how many were left out.
	Flows, Unnamed int
	// Blocks is how many there are, Changed how many of them were written.
	Blocks, Changed int
}

// ErrTooLarge says that the table has more flows than the file may have.
var ErrTooLarge = errors.New("more blocks than the file may have")

// Writer writes the flows of one table to one file. It is for one goroutine at a time.
type Writer struct {
	file  io.WriterAt
	table *conntrack.Table
	most  uint32
	head  header
	// offset is the one of all blocks of a pass.
	offset   int64
	slabs    map[conntrack.Slab]*place
	counters []*place
	seed     maphash.Seed
	next     uint32 // the next block that nobody has

	// What is to be written, from block first on.
	pending []byte
	waiting []*place
	first   uint32
	out     Written
}

// place is a block of the file and the sum of what it says; none is 0.
type place struct {
	block uint32
	sum   uint64
	next  uint64 // the sum once what waits was written
}

// pendingBlocks is how many blocks are written at once, at most.
const pendingBlocks = 64

// NewWriter returns a writer to an empty file of at most so many blocks.
func NewWriter(f io.WriterAt, t *conntrack.Table, here Origin, most uint32) *Writer {
	return &Writer{file: f, table: t, most: most, seed: maphash.MakeSeed(), next: 1,
		head:  header{origin: here, session: rand.Uint64()},
		slabs: make(map[conntrack.Slab]*place), first: 1,
	}
}

// Save writes what has changed since the last call. An error is one of writing; the next call
// then writes everything again.
func (w *Writer) Save(c Clocks, names Names, counters []Counter, e Ending) (Written, error) {
	w.head.pass++
	w.head.at, w.head.ending = c.Boot, e
	w.out = Written{}
	offset := int64(c.Boot) - int64(c.Table)
	if d := time.Duration(offset - w.offset).Abs(); w.offset == 0 || d > jitter {
		w.offset = offset // the sums of all blocks are others
	}
	err := w.save(c.Table, names, counters)
	if err == nil {
		err = w.header()
	}
	w.out.Blocks = int(w.next)
	if err != nil {
		w.forget()
	}
	return w.out, err
}

// forget has everything written again.
func (w *Writer) forget() {
	for _, p := range w.slabs {
		p.sum = 0
	}
	for _, p := range w.counters {
		p.sum = 0
	}
	w.pending, w.waiting = w.pending[:0], w.waiting[:0]
}

func (w *Writer) header() error {
	var b [BlockSize]byte
	w.head.encode(b[:])
	_, err := w.file.WriteAt(b[:], 0)
	return err
}

func (w *Writer) save(now conntrack.Time, names Names, counters []Counter) (err error) {
	var buf [BlockSize]byte
	w.table.Images(now, func(n conntrack.Slab, lane uint8, flows []conntrack.Image) bool {
		p := w.slabs[n]
		if p == nil && len(flows) == 0 {
			return true
		}
		if p == nil {
			p = new(place)
			w.slabs[n] = p
		}
		b := block{kind: kindFlows, lane: lane}
		body := buf[blockHead:blockHead]
		for i := range flows {
			info := flows[i].Info()
			scope := names.Scope(info.Tuple.Scope())
			if scope == 0 {
				w.out.Unnamed++
				continue
			}
			body = binary.LittleEndian.AppendUint64(body, uint64(scope))
			body = binary.LittleEndian.AppendUint64(body, uint64(names.Rule(info.Rule)))
			body = flows[i].Append(body)
			b.count++
		}
		w.out.Flows += int(b.count)
		clear(buf[blockHead+len(body):])
		err = w.put(p, b, &buf)
		return err == nil
	})
	if err != nil {
		return err
	}
	for i := 0; i < len(counters) || i/perBlock < len(w.counters); i += perBlock {
		if i/perBlock == len(w.counters) {
			w.counters = append(w.counters, new(place))
		}
		b, body := block{kind: kindCounters}, buf[blockHead:blockHead]
		for _, c := range counters[min(i, len(counters)):min(i+perBlock, len(counters))] {
			body = binary.LittleEndian.AppendUint64(body, uint64(c.ID))
			body = binary.LittleEndian.AppendUint64(body, c.Value)
			body = binary.LittleEndian.AppendUint64(body, uint64(c.Last))
			b.count++
		}
		clear(buf[blockHead+len(body):])
		if err := w.put(w.counters[i/perBlock], b, &buf); err != nil {
			return err
		}
	}
	return w.flush()
}

// put writes a block at its place if it says something else than before.
func (w *Writer) put(p *place, b block, buf *[BlockSize]byte) error {
	b.offset = w.offset
	b.write(buf[:]) // without the pass: what is the same has the same sum
	sum := max(1, maphash.Bytes(w.seed, buf[4:]))
	if p.sum == sum {
		return nil
	}
	if p.block == 0 {
		if w.next >= w.most {
			return ErrTooLarge
		}
		p.block = w.next
		w.next++
	}
	b.pass = w.head.pass
	b.seal(w.head.session, p.block, buf[:])
	if n := uint32(len(w.waiting)); n > 0 && (n == pendingBlocks || p.block != w.first+n) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if len(w.waiting) == 0 {
		w.first = p.block
	}
	p.next = sum
	w.waiting, w.pending = append(w.waiting, p), append(w.pending, buf[:]...)
	return nil
}

// flush writes what waits.
func (w *Writer) flush() error {
	if len(w.waiting) == 0 {
		return nil
	}
	_, err := w.file.WriteAt(w.pending, int64(w.first)*BlockSize)
	if err != nil {
		return err
	}
	for _, p := range w.waiting {
		p.sum = p.next
	}
	w.out.Changed += len(w.waiting)
	w.waiting, w.pending = w.waiting[:0], w.pending[:0]
	return nil
}
