package filter

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"

	"sgfw/conntrack"
	"sgfw/filter/packet"
)

// RecentDrops is how many kinds of dropped packets each worker remembers: three minutes of
// 20 a second, were no two of them equal.
const RecentDrops = 4096

const (
	// maxOfBatch is how many of one batch, while nobody watches: batches are that
	// full in a flood only, whose packets are much alike, and a record costs a third
	// of what refusing a packet does.
	maxOfBatch = 8
	// tasted is how many drops are compared to find one to forget.
	tasted = 4
	// counters is how many there are for the sizes of kinds. Two kinds that share one count
	// as a larger one.
	counters = 4096
	// chains is how many lists the drops are found in.
	chains = 2 * RecentDrops
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

// dropKey is what equal drops have in common.
type dropKey struct {
	tuple              conntrack.Tuple
	index              uint32
	reason             Reason
	direction          conntrack.Direction
	icmpType, icmpCode uint8
	flags              conntrack.TCPFlags
}

// dropKey is the key of a dropped packet. A client takes another port each time it
// tries; whoever asks is the source of a first packet, and of one that belongs to no
// flow it is the end with the higher port.
func (r *Record) dropKey() dropKey {
	k := dropKey{tuple: r.Tuple, index: r.Index, reason: r.Verdict.Reason,
		direction: r.Verdict.Direction, icmpType: r.ICMPType, icmpCode: r.ICMPCode,
		flags: r.Flags &^ conntrack.PSH}
	t := &k.tuple
	source, destination := &t.RemotePort, &t.LocalPort
	if k.direction == conntrack.Egress {
		source, destination = destination, source
	}
	switch {
	case r.Kind == packet.KindTCP && k.flags&(conntrack.SYN|conntrack.ACK) != conntrack.SYN &&
		*source < *destination:
		*destination = 0
	case r.Kind == packet.KindTCP, r.Kind == packet.KindUDP:
		*source = 0
	default:
		*source, *destination = 0, 0
	}
	return k
}

// service is the key without its addresses: what everybody asks for.
func (k dropKey) service() dropKey {
	k.tuple.Local, k.tuple.Remote = conntrack.Addr{}, conntrack.Addr{}
	return k
}

// seed keeps strangers from choosing packets that share chains or counters.
var seed = maphash.MakeSeed()

// remembered is a drop in the memory of a worker.
type remembered struct {
	Drop
	hash          uint64
	next          int32  // in its chain: 1 + the index of a drop, 0 for none
	peer, service uint16 // its counters
}

// recent remembers the last drops of one worker, so that "why was this dropped?"
// has an answer after the fact. What passes is not remembered and costs nothing.
//
// Equal drops are one. Noise is many drops of one peer, as a scan, or of one service, as
// what everybody asks for: where all places are taken, a few drops are compared, and the
// one of the largest kind makes room. The one that matters stays.
type recent struct {
	mu    sync.Mutex // taken by the worker once a batch that dropped something
	drops []remembered
	// heads begin the chains, as next does.
	heads [chains]int32
	// peers and services count drops of one peer, or of one service.
	peers, services [counters]uint16
	random          uint32
}

func (r *recent) add(records []Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
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
	hash := maphash.Comparable(seed, key)
	head := &r.heads[hash%chains]
	for at := *head; at != 0; at = r.drops[at-1].next {
		if d := &r.drops[at-1]; d.hash == hash && d.dropKey() == key {
			d.Record = *rec
			d.Count++
			return
		}
	}
	var d *remembered
	at := int32(len(r.drops)) + 1
	if at <= RecentDrops {
		r.drops = append(r.drops, remembered{})
	} else {
		at = r.forget() + 1
	}
	d = &r.drops[at-1]
	d.Record, d.First, d.Count, d.hash = *rec, rec.Time, 1, hash
	d.peer = uint16(maphash.Comparable(seed, key.tuple.Remote) % counters)
	d.service = uint16(maphash.Comparable(seed, key.service()) % counters)
	r.peers[d.peer]++
	r.services[d.service]++
	d.next, *head = *head, at
}

// forget takes a drop of the largest kind among a few, the oldest of them, out of its
// chain and returns its place; the caller holds mu.
func (r *recent) forget() int32 {
	var worst int32
	largest := uint16(0)
	for range tasted {
		// xorshift32; any beginning but 0 will do.
		if r.random == 0 {
			r.random = 1
		}
		r.random ^= r.random << 13
		r.random ^= r.random >> 17
		r.random ^= r.random << 5
		at := int32(r.random % RecentDrops)
		d := &r.drops[at]
		size := max(r.peers[d.peer], r.services[d.service])
		if size > largest || size == largest && d.Time < r.drops[worst].Time {
			worst, largest = at, size
		}
	}
	d := &r.drops[worst]
	r.peers[d.peer]--
	r.services[d.service]--
	link := &r.heads[d.hash%chains]
	for *link != worst+1 {
		link = &r.drops[*link-1].next
	}
	*link = d.next
	return worst
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
	var drops []remembered
	for _, w := range workers {
		// A worker waits for the copy, and for nothing else.
		w.recent.mu.Lock()
		drops = append(drops[:0], w.recent.drops...)
		w.recent.mu.Unlock()
		for i := range drops {
			d := &drops[i].Drop
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
