package conntrack

import (
	"math"
	"math/bits"
)

// Flow is a connection, or what corresponds to one in other protocols. It lives
// inside the table: a *Flow is valid only until its [Entry] is unlocked. It holds
// no pointers, so that the garbage collector never scans a million of them. Its 112
// bytes are in the order of use.
type Flow struct {
	key      Tuple
	lockWord uint32 // deadline and entry lock, see lockHeld
	state    State
	class    Class
	flags    flowFlags
	rule     uint32
	half     [2]half // by Direction; TCP only
	packets  [2]uint32
	bytesLo  [2]uint32 // low 32 of 48 bits: one field would need padding
	bytesHi  [2]uint16
	created  tick
	// claim is a sequence number that one side sent and the other has not
	// acknowledged, see flagClaimSYN and flagClaimFIN; or what flagOwed says.
	claim uint32
	older uint32 // previous flow in the eviction queue
	newer uint32 // next flow in the eviction queue, or next entry in the free list
}

// half is what is known of one side of a TCP connection.
type half struct {
	// end is the sequence number after the last byte that is certain: seen without
	// a gap, or acknowledged by the other side. In StatePickup it is the first
	// number seen.
	end uint32
	// top is the highest sequence number seen at all, never before end.
	top uint32
	// ack is the highest acknowledgement that this side sent for data of the other
	// side. In StatePickup it is the latest one.
	ack uint32
}

// flowFlags are facts about a flow beside its State. Where each direction has a
// flag, it is flag<<Direction.
type flowFlags uint16

const (
	// flagEgress: Egress opened the flow.
	flagEgress flowFlags = 1 << 0
	// flagKnown: the sequence numbers of the side that did not open are known. Its
	// SYN crossed the opener's, or it sent a segment (StatePickup).
	flagKnown flowFlags = 1 << 1
	// flagSynAcked: the opener acknowledged that crossing SYN.
	flagSynAcked flowFlags = 1 << 2
	// flagClaimSYN: the rules let a SYN with another number pass. claim is the
	// acknowledgement that would prove that the other side accepted it.
	flagClaimSYN flowFlags = 1 << 3
	// flagClaimFIN: a FIN came after a gap. claim is the number after it.
	flagClaimFIN flowFlags = 1 << 4
	// flagClaimEgress: the claim is that of the egress direction.
	flagClaimEgress flowFlags = 1 << 5
	// flagFIN<<d: d sent a FIN that counts.
	flagFIN flowFlags = 1 << 6
	// flagFINAcked<<d: the FIN of d is acknowledged.
	flagFINAcked flowFlags = 1 << 8
	// flagUntracked: see [Entry.InsertUntracked].
	flagUntracked flowFlags = 1 << 10
	// flagOffloaded: packets of the flow may have passed unseen, see [Entry.Offload] and
	// [Entry.Adopt].
	flagOffloaded flowFlags = 1 << 11
	// flagAdopted: see [Entry.Adopt].
	flagAdopted flowFlags = 1 << 12
	// flagUncounted<<d: what is told next of unseen packets of d proves nothing. They may be
	// from before a RST (StateReset) or before the flow began, or be the packet that was counted
	// as an answer to itself, see [Entry.Offload].
	flagUncounted flowFlags = 1 << 13
	// flagOwed: claim is what the counts of unseen packets have too much, see [Entry.Offload].
	flagOwed flowFlags = 1 << 15

	flagClaim     = flagClaimSYN | flagClaimFIN | flagClaimEgress
	flagsFIN      = flagFIN<<Ingress | flagFIN<<Egress
	flagsFINAcked = flagFINAcked<<Ingress | flagFINAcked<<Egress
	flagsUncount  = flagUncounted<<Ingress | flagUncounted<<Egress
)

// Tuple returns the flow's tuple.
func (f *Flow) Tuple() Tuple { return f.key }

// State returns the flow's state.
func (f *Flow) State() State { return f.state }

// Opener returns the direction of the packet that opened the flow.
func (f *Flow) Opener() Direction { return Direction(f.flags & flagEgress) }

// Rule returns the value given to [Entry.Insert].
func (f *Flow) Rule() uint32 { return f.rule }

// Untracked reports whether the flow is an untracked one, see
// [Entry.InsertUntracked].
func (f *Flow) Untracked() bool { return f.flags&flagUntracked != 0 }

// queue returns the eviction queue that the flow waits in.
func (f *Flow) queue() queueID { return f.queueIn(f.state) }

// queueIn returns the eviction queue of the flow in state s.
func (f *Flow) queueIn(s State) queueID {
	ended := s.Closed() || s == StateRevoked
	switch {
	case f.Untracked() && (ended || s.HalfOpen() || s == StateUnreplied):
		return queueUntracked
	case f.Untracked() && f.class != ClassTCP:
		return queueAnswered
	case f.Untracked():
		return queueProven
	case s == StateRevoked:
		return queueRevoked
	case ended, s == StateReset:
		return queueClosed
	case f.class == ClassUDP && s == StateStream:
		return queueStream
	case f.class != ClassTCP || s.HalfOpen():
		return f.class.opens()
	}
	return queueNone
}

// opens returns the eviction queue that a tracked flow of the class begins in.
func (c Class) opens() queueID {
	switch c {
	case ClassTCP:
		return queueHalfOpen
	case ClassUDP:
		return queueDatagram
	case ClassQuery:
		return queueQuery
	}
	return queueOther
}

// Assess returns what a packet with the flow's tuple means for the flow. It changes
// nothing.
func (f *Flow) Assess(p *PacketMeta) Outcome {
	if f.state == StateEstablished && p.Class == ClassTCP && p.TCP.Flags&(ACK|SYN|FIN|RST) == ACK {
		return OutcomeMember // nearly all packets
	}
	if p.Class != f.class {
		return OutcomeRules
	}
	if f.state == StateRevoked {
		return f.assessRevoked(p)
	}
	switch p.Class {
	case ClassTCP:
		return f.assessTCP(p.Dir, &p.TCP)
	case ClassQuery:
		return f.assessQuery(p)
	}
	return OutcomeMember
}

// open fills the entry with a new flow that p opened.
func (f *Flow) open(p *PacketMeta, rule uint32, now Time) {
	f.class = p.Class
	f.state = StateUnreplied
	f.flags = flowFlags(p.Dir) & flagEgress
	f.rule = rule
	f.created = now.tick()
	f.clearCounts()
	if p.Class == ClassTCP {
		f.openTCP(p.Dir, &p.TCP)
	}
	f.count(p)
}

// count adds a packet to the totals, which saturate.
func (f *Flow) count(p *PacketMeta) {
	d := p.Dir & 1
	n, lo := f.packets[d]+1, f.bytesLo[d]+p.Bytes
	if n == 0 || lo < p.Bytes {
		f.countOver(d, p.Bytes)
		return
	}
	f.packets[d], f.bytesLo[d] = n, lo
}

// countOver is count where one of the words overflows.
func (f *Flow) countOver(d Direction, size uint32) {
	if n := f.packets[d] + 1; n != 0 {
		f.packets[d] = n
	}
	lo, carry := bits.Add32(f.bytesLo[d], size, 0)
	f.bytesLo[d] = lo
	if carry != 0 {
		if f.bytesHi[d]++; f.bytesHi[d] == 0 {
			f.bytesHi[d], f.bytesLo[d] = 1<<16-1, 1<<32-1
		}
	}
}

// add is count of many packets at once.
func (f *Flow) add(d Direction, packets, size uint64) {
	d &= 1
	f.packets[d] = uint32(min(uint64(f.packets[d])+packets, math.MaxUint32))
	sum := min(f.total(d)+size, 1<<48-1)
	f.bytesLo[d], f.bytesHi[d] = uint32(sum), uint16(sum>>32)
}

// total returns the bytes that passed in direction d.
func (f *Flow) total(d Direction) uint64 {
	return uint64(f.bytesHi[d])<<32 | uint64(f.bytesLo[d])
}

func (f *Flow) clearCounts() {
	f.packets, f.bytesLo, f.bytesHi = [2]uint32{}, [2]uint32{}, [2]uint16{}
}
