package conntrack

import (
	"encoding/binary"
	"errors"
	"runtime"
	"time"
)

// This file is how flows go from one table to another, in another process. What is read
// from outside is checked as a packet is: an [Image] that [Image.Decode] accepts is one
// that a table could have had.

// Image is a copy of a whole flow, with its numbers and timers. The zero Image is that of
// no flow.
type Image struct {
	flow Flow
}

// ImageSize is the length of an encoded [Image], in bytes.
const ImageSize = 97

// Slab names a block of at most [SlabFlows] flows of a table. Its flows stay in it, and it
// stays in the table.
type Slab uint32

// SlabFlows is how many flows a slab has at most.
const SlabFlows = slabLen

// Info describes the flow.
func (m *Image) Info() FlowInfo { return m.flow.Info() }

// Images calls visit for each slab with copies of its flows that live at now, until it
// returns false. The copies of one slab are of one moment, and hold until visit returns. The
// lock of a shard is held while one slab is copied, and none during the calls. lane is the
// one that [Table.Restore] should be given.
func (t *Table) Images(now Time, visit func(n Slab, lane uint8, flows []Image) bool) {
	buf := new([slabLen]Image)
	for n := range t.shards {
		s := &t.shards[n]
		for c := 0; ; c++ {
			copied, lane := s.images(c, now, buf)
			if copied < 0 {
				break
			}
			if !visit(Slab(n<<18|c), lane, buf[:copied]) {
				return
			}
		}
	}
}

// images copies the live flows of slab c and returns how many, -1 after the last slab.
func (s *shard) images(c int, now Time, buf *[slabLen]Image) (copied int, lane uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c >= len(s.owners) {
		return -1, 0
	}
	first := uint32(c) << slabBits
	for i := max(first, 1); i < first+slabLen; i++ {
		f := s.at(i)
		for f.deadline() != 0 && !f.expired(now) {
			if f.tryLock() {
				buf[copied].take(f)
				f.unlock()
				copied++
				break
			}
			// In use: it may need this shard to be released.
			s.mu.Unlock()
			runtime.Gosched()
			s.mu.Lock()
		}
	}
	return copied, s.owners[c]
}

// take copies a flow whose lock is held, without what its entry has of an earlier one, and
// without what it is owed by the kernel: that ends with the process.
func (m *Image) take(f *Flow) {
	// Field by field: others try the lock meanwhile, which is in the lock word.
	m.flow = Flow{key: f.key, lockWord: uint32(f.deadline()), state: f.state, class: f.class,
		flags: f.flags, rule: f.rule, half: f.half, packets: f.packets, bytesLo: f.bytesLo,
		bytesHi: f.bytesHi, created: f.created, claim: f.claim}
	if f.class != ClassTCP {
		m.flow.half, m.flow.claim = [2]half{}, 0
	}
	if f.flags&flagOwed != 0 {
		m.flow.claim = 0
	}
	m.flow.flags &^= flagOwed | flagsUncount
}

// Append appends the image to b, without its scope and its rule: these are numbers of the
// process that made it.
func (m *Image) Append(b []byte) []byte {
	f, le := &m.flow, binary.LittleEndian
	for _, a := range [...]*Addr{&f.key.Local, &f.key.Remote} {
		b = le.AppendUint64(le.AppendUint64(b, a.Hi), a.Lo)
	}
	b = le.AppendUint16(le.AppendUint16(b, f.key.LocalPort), f.key.RemotePort)
	b = append(b, f.key.Proto(), byte(f.state), byte(f.class))
	b = le.AppendUint32(b, f.lockWord&^lockHeld)
	b = le.AppendUint16(b, uint16(f.flags))
	for d := range f.half {
		h := &f.half[d]
		b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, h.end), h.top), h.ack)
		b = le.AppendUint32(le.AppendUint32(b, f.packets[d]), f.bytesLo[d])
		b = le.AppendUint16(b, f.bytesHi[d])
	}
	return le.AppendUint32(le.AppendUint32(b, uint32(f.created)), f.claim)
}

// errImage says that bytes are no image.
var errImage = errors.New("no flow of a table")

// Decode reads what [Image.Append] wrote. It takes nothing but a flow that a table can have,
// and after an error m is the zero Image. The flow has scope 0 and rule 0.
func (m *Image) Decode(b []byte) error {
	*m = Image{}
	if len(b) != ImageSize {
		return errImage
	}
	f, le := &m.flow, binary.LittleEndian
	for i, a := range [...]*Addr{&f.key.Local, &f.key.Remote} {
		*a = Addr{Hi: le.Uint64(b[16*i:]), Lo: le.Uint64(b[16*i+8:])}
	}
	f.key.LocalPort, f.key.RemotePort = le.Uint16(b[32:]), le.Uint16(b[34:])
	f.key.meta = uint32(b[36])
	f.state, f.class = State(b[37]), Class(b[38])
	f.lockWord, f.flags = le.Uint32(b[39:]), flowFlags(le.Uint16(b[43:]))
	for d, b := range [...][]byte{b[45:67], b[67:89]} {
		f.half[d] = half{end: le.Uint32(b), top: le.Uint32(b[4:]), ack: le.Uint32(b[8:])}
		f.packets[d], f.bytesLo[d] = le.Uint32(b[12:]), le.Uint32(b[16:])
		f.bytesHi[d] = le.Uint16(b[20:])
	}
	f.created, f.claim = tick(le.Uint32(b[89:])), le.Uint32(b[93:])
	if !f.plausible() {
		*m = Image{}
		return errImage
	}
	return nil
}

// plausible reports whether a table could have the flow at some time.
func (f *Flow) plausible() bool {
	k := &f.key
	if k.Local.Is4() != k.Remote.Is4() || f.lockWord == 0 || f.lockWord&lockHeld != 0 ||
		f.created > f.deadline() || f.state == StateRevoked && f.Untracked() {
		return false
	}
	var known flowFlags = flagEgress | flagUntracked
	revoked, tcp := f.state == StateRevoked, false
	switch f.class {
	case ClassTCP:
		known, tcp = 1<<13-1, true
		if k.Proto() != ProtoTCP || !revoked && (f.state < StateSynSent || f.state > StateReset) {
			return false
		}
	case ClassUDP:
		known |= flagOffloaded | flagAdopted
		if k.Proto() != ProtoUDP || !revoked && (f.state < StateUnreplied || f.state > StateStream) {
			return false
		}
	case ClassQuery:
		if k.Proto() != ProtoICMP && k.Proto() != ProtoICMPv6 {
			return false
		}
	case ClassOther:
		if k.LocalPort|k.RemotePort != 0 {
			return false
		}
	default:
		return false
	}
	if !tcp && (f.half != [2]half{} || f.claim != 0) {
		return false
	}
	if f.class != ClassTCP && f.class != ClassUDP && !revoked && f.state != StateUnreplied &&
		f.state != StateReplied {
		return false
	}
	return f.flags&^known == 0
}

// Move sets the scope, the rule, and the clock: the time of the table that the image goes to
// is that of the table which it is from, plus later.
func (m *Image) Move(s Scope, rule uint32, later time.Duration) {
	f := &m.flow
	f.key.meta = uint32(s)<<8 | uint32(f.key.Proto())
	f.rule = rule
	move := func(k tick) tick {
		t := k.time().Add(later)
		switch {
		case t < 0:
			return 0
		case t >= Time(lockHeld-1)<<tickShift:
			return lockHeld - 1
		}
		return t.deadline(0)
	}
	f.created, f.lockWord = move(f.created), uint32(move(f.deadline()))
}

// Missed notes that packets of the flow may have passed since the image was made: numbers
// prove as little from then on as those of an offloaded flow.
func (m *Image) Missed() {
	f := &m.flow
	if f.class != ClassTCP {
		return
	}
	f.flags |= flagOffloaded
	if f.flags&flagClaimFIN != 0 { // its number came after a gap, of which nothing is known now
		f.flags, f.claim = f.flags&^flagClaim, 0
	}
}

// RestoreResult is the result of [Table.Restore].
type RestoreResult uint8

const (
	// Restored: the flow is in the table.
	Restored RestoreResult = iota
	// RestoreOver: its timer has run out.
	RestoreOver
	// RestoreFuture: it is of a time that is yet to come, or its timer is longer than any.
	RestoreFuture
	// RestoreFull: the limits leave no room.
	RestoreFull
)

// Restore puts a flow into the table as it was. One of its tuple makes room. It is followed
// by those that are younger: the order of the calls is the one of eviction.
func (t *Table) Restore(m *Image, lane uint8, now Time) RestoreResult {
	from := &m.flow
	switch {
	case from.deadline() == 0, from.expired(now):
		return RestoreOver
	case from.created > now.tick()+1, from.deadline() > now.deadline(from.class.longest())+1:
		return RestoreFuture
	}
	e := t.Lock(&from.key, now)
	defer e.Unlock()
	e.lockShard()
	sh := e.shard
	if e.flow != nil {
		sh.remove(e.index, e.flow)
		e.flow = nil
	}
	if !sh.admitImage(from, now) {
		return RestoreFull
	}
	i, f := sh.add(t.hash.hash(e.key), e.key, lane)
	e.index, e.flow = i, f
	f.state, f.class, f.flags, f.rule = from.state, from.class, from.flags, from.rule
	f.half, f.claim, f.created = from.half, from.claim, from.created
	f.packets, f.bytesLo, f.bytesHi = from.packets, from.bytesLo, from.bytesHi
	f.setDeadline(from.deadline())
	sh.enqueue(i, f, t.account(f.key.Scope()))
	return Restored
}

// admitImage makes room for a flow in the state that it has, and counts it.
func (s *shard) admitImage(f *Flow, now Time) bool {
	a := s.table.account(f.key.Scope())
	switch id := f.queue(); {
	case f.Untracked():
		return s.admitUntracked(now)
	case id < queueKinds:
		return s.admit(a, id, now)
	}
	return s.admitAny(a, now)
}

// longest is the longest timer that a flow of the class can have.
func (c Class) longest() time.Duration {
	switch longest := DefaultTimeouts(); c {
	case ClassTCP:
		return longest.Established
	case ClassUDP:
		return longest.UDPStream
	case ClassQuery:
		return TimeoutQuery
	}
	return TimeoutOther
}

// Totals are the counters of [Table.Stats] since the table was made, in an order that only
// [Table.AddTotals] has to know.
func (t *Table) Totals() []uint64 {
	var sum counters
	list := sum.all()
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for n, c := range s.stats.all() {
			*list[n] += *c
		}
		s.mu.Unlock()
	}
	out := make([]uint64, len(list), len(list)+1)
	for n := range list {
		out[n] = *list[n]
	}
	return append(out, t.adopted.Load())
}

// AddTotals adds what another table had counted. What it does not know it ignores.
func (t *Table) AddTotals(list []uint64) {
	s := &t.shards[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.stats.all()
	for n, c := range all {
		if n < len(list) {
			*c += list[n]
		}
	}
	if len(list) > len(all) {
		t.adopted.Add(list[len(all)])
	}
}

// all are the counters in a fixed order.
func (c *counters) all() []*uint64 {
	out := []*uint64{&c.inserted, &c.untracked, &c.replaced, &c.restarted, &c.expired, &c.deleted,
		&c.revoked, &c.refused, &c.closedFIN, &c.closedRST, &c.unanswered}
	for id := range c.evicted {
		out = append(out, &c.evicted[id])
	}
	return out
}
