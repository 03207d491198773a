package filter

import (
	"cmp"
	"slices"
	"sync"

	"sgfw/conntrack"
)

// RecentDrops is how many kinds of dropped packets each worker remembers: three minutes of
// 20 a second, were no two of them equal.
const RecentDrops = 4096

const (
	// tasted is how many drops are compared to find one to forget.
	tasted = 4
	// small kinds have less than so many drops, and are as large as each other: of those the
	// oldest makes room.
	small = 8
	// counters is how many there are for the sizes of kinds. Two kinds that share one count
	// as a larger one.
	counters = 4096
	// chains is how many lists the drops are found in.
	chains = 2 * RecentDrops
	// maxLate is how many drops wait while somebody copies the memory.
	maxLate = 64
	// copied is how many drops are copied at once.
	copied = 32
)

// Drop stands for equal drops: of the same packets but for the port of the side that
// asks, their lengths and what an ICMP query is numbered with.
type Drop struct {
	// Record is the latest of them.
	Record
	// First is when the first one was dropped.
	First conntrack.Time
	// Count is how many there were, at least: of a flood not every packet is looked at.
	Count uint64
}

// mark is what is looked at to find a drop, or one to forget.
type mark struct {
	time          conntrack.Time // of the latest
	hash          uint32         // of its key
	next          uint16         // in its chain: 1 + the index of a drop, 0 for none
	peer, service uint16         // its counters
}

// recent remembers the last drops of one worker, so that "why was this dropped?"
// has an answer after the fact. What passes is not remembered and costs nothing.
//
// Equal drops are one. Noise is many drops of one peer, as a scan, or of one service, as
// what everybody asks for: where all places are taken, a few drops are compared, and the
// one of the largest kind makes room. The one that matters stays.
type recent struct {
	mu    sync.Mutex // taken by the worker once a batch that dropped something
	drops []Drop
	marks [RecentDrops]mark // of drops
	// heads begin the chains, as next does.
	heads [chains]uint16
	// peers and services count drops of one peer, or of one service.
	peers, services [counters]uint16
	random          uint32

	// late are drops that found the memory taken. They are the worker's, and not guarded.
	late []Record
}

// add remembers the drops among the records. No packet waits for those who read: what comes
// meanwhile is remembered with the next batch.
func (r *recent) add(records []Record) {
	if !r.mu.TryLock() {
		for i := range records {
			if Dropping.Has(records[i].Verdict.Reason) && len(r.late) < cap(r.late) {
				r.late = append(r.late, records[i])
			}
		}
		return
	}
	defer r.mu.Unlock()
	for i := range r.late {
		r.note(&r.late[i])
	}
	r.late = r.late[:0]
	for i := range records {
		if !Dropping.Has(records[i].Verdict.Reason) {
			continue
		}
		r.note(&records[i])
	}
}

// note remembers one drop; the caller holds mu.
func (r *recent) note(rec *Record) {
	key := rec.dropKey()
	hash := uint32(key.hash())
	head := &r.heads[hash%chains]
	for next := *head; next != 0; next = r.marks[next-1].next {
		if m := &r.marks[next-1]; m.hash == hash {
			if d := &r.drops[next-1]; d.dropKey() == key {
				d.Record, m.time = *rec, rec.Time
				d.Count += uint64(rec.Count)
				return
			}
		}
	}
	at := len(r.drops)
	if at < RecentDrops {
		r.drops = append(r.drops, Drop{})
	} else {
		at = r.forget()
	}
	d, m := &r.drops[at], &r.marks[at]
	d.Record, d.First, d.Count = *rec, rec.Time, uint64(rec.Count)
	*m = mark{time: rec.Time, hash: hash, next: *head,
		peer: uint16(key.peer() % counters), service: uint16(key.service() % counters)}
	*head = uint16(at + 1)
	r.peers[m.peer]++
	r.services[m.service]++
}

// forget takes a drop of the largest kind among a few, the oldest of those, out of its
// chain and returns its place; the caller holds mu.
func (r *recent) forget() int {
	worst, largest := 0, uint16(0)
	for range tasted {
		// xorshift32; any beginning but 0 will do.
		if r.random == 0 {
			r.random = 1
		}
		r.random ^= r.random << 13
		r.random ^= r.random >> 17
		r.random ^= r.random << 5
		at := int(r.random % RecentDrops)
		m := &r.marks[at]
		size := max(r.peers[m.peer], r.services[m.service]) / small
		if size > largest || size == largest && m.time < r.marks[worst].time {
			worst, largest = at, size
		}
	}
	m := &r.marks[worst]
	r.peers[m.peer]--
	r.services[m.service]--
	link := &r.heads[m.hash%chains]
	for int(*link) != worst+1 {
		link = &r.marks[*link-1].next
	}
	*link = m.next
	return worst
}

// copyTo appends what is remembered to out, a few at a time: the worker goes on meanwhile,
// and may forget a drop or take it up anew.
func (r *recent) copyTo(out []Drop) []Drop {
	for at := 0; ; at += copied {
		r.mu.Lock()
		n := len(r.drops)
		out = append(out, r.drops[min(at, n):min(at+copied, n)]...)
		r.mu.Unlock()
		if at+copied >= n {
			return out
		}
	}
}

// Recent returns the last drops that sel selects, at most n, the oldest first. Equal
// ones are one, whichever worker refused them. Each worker remembers RecentDrops of
// them.
func (e *Engine) Recent(n int, sel Selection) []Drop {
	e.mu.Lock()
	workers := slices.Clone(e.workers)
	e.mu.Unlock()
	rs := e.Ruleset()
	var out []Drop
	at := make(map[dropKey]int)
	var drops []Drop
	for _, w := range workers {
		drops = w.recent.copyTo(drops[:0])
		for i := range drops {
			d := &drops[i]
			if !sel.Matches(rs, &d.Record) {
				continue
			}
			key := d.dropKey()
			j, known := at[key]
			if !known {
				at[key] = len(out)
				out = append(out, *d)
				continue
			}
			o := &out[j]
			if d.Time > o.Time {
				o.Record = d.Record
			}
			o.First, o.Count = min(o.First, d.First), o.Count+d.Count
		}
	}
	slices.SortStableFunc(out, func(a, b Drop) int { return cmp.Compare(a.Time, b.Time) })
	return out[max(0, len(out)-n):]
}
