package conntrack

import "math/bits"

// Flow is one entry of the table. It lives inside the table: a *Flow is valid
// only until the [Entry] that gave it is unlocked. It holds no pointers, so that
// the garbage collector never looks at a million of them; its 112 bytes are in
// the order of use.
type Flow struct {
	key      Tuple
	lockWord uint32 // deadline and entry lock, see lockHeld
	state    State
	class    Class
	flags    flowFlags
	rule     uint32
	half     [2]half // by Direction; TCP only
	packets  [2]uint32
	bytesLo  [2]uint32 // 48 bits of bytes in two parts, or padding would follow
	bytesHi  [2]uint16
	created  tick
	// claim is a number that one side stated and the other has not confirmed
	// (see flagClaimSYN, flagClaimFIN).
	claim uint32
	older uint32 // towards the head of the eviction queue
	newer uint32 // or the next in the free list
}

// half is what one side of a TCP connection has shown.
type half struct {
	// end is the sequence number behind the last byte that is certain:
	// contiguous, or acknowledged by the other side. In StatePickup it is the
	// first number seen.
	end uint32
	// top is the highest sequence number seen at all, never before end.
	top uint32
	// ack is the highest acknowledgement that this side sent for something the
	// other side has sent. In StatePickup it is the latest.
	ack uint32
}

// flowFlags are the facts that do not fit into State. The flags of the two
// directions lie side by side: flag<<Direction.
type flowFlags uint16

const (
	// flagEgress: Egress opened the flow.
	flagEgress flowFlags = 1 << 0
	// flagKnown: the numbers of the side that did not open are known: its SYN
	// crossed ours, or (StatePickup) it sent a segment.
	flagKnown flowFlags = 1 << 1
	// flagSynAcked: the opener acknowledged that crossing SYN.
	flagSynAcked flowFlags = 1 << 2
	// flagClaimSYN: a SYN with another number passed by the rules: claim is the
	// acknowledgement that would prove that the other side took it.
	flagClaimSYN flowFlags = 1 << 3
	// flagClaimFIN: a FIN came behind a gap: claim is the number behind it.
	flagClaimFIN flowFlags = 1 << 4
	// flagClaimEgress: the claim is Egress's.
	flagClaimEgress flowFlags = 1 << 5
	// flagFIN<<d: d sent a FIN that counts.
	flagFIN flowFlags = 1 << 6
	// flagFINAcked<<d: it is acknowledged.
	flagFINAcked flowFlags = 1 << 8
	// flagUntracked: see [Entry.InsertUntracked].
	flagUntracked flowFlags = 1 << 10

	flagClaim     = flagClaimSYN | flagClaimFIN | flagClaimEgress
	flagsFIN      = flagFIN<<Ingress | flagFIN<<Egress
	flagsFINAcked = flagFINAcked<<Ingress | flagFINAcked<<Egress
)

// Tuple returns the flow's tuple.
func (f *Flow) Tuple() Tuple { return f.key }

// State returns where the flow stands.
func (f *Flow) State() State { return f.state }

// Opener returns the direction of the packet that opened the flow.
func (f *Flow) Opener() Direction { return Direction(f.flags & flagEgress) }

// Rule returns the value given to [Entry.Insert].
func (f *Flow) Rule() uint32 { return f.rule }

// Untracked reports whether the flow is only remembered, see
// [Entry.InsertUntracked].
func (f *Flow) Untracked() bool { return f.flags&flagUntracked != 0 }

// queue returns the eviction queue that the flow waits in.
func (f *Flow) queue() queueID { return f.queueIn(f.state) }

// queueIn is queue for another state of the flow.
func (f *Flow) queueIn(s State) queueID {
	id := s.queue()
	switch {
	case !f.Untracked():
		return id
	case id != queueNone:
		return queueUntracked
	case f.class != ClassTCP:
		return queueAnswered
	}
	return queueProven
}

// Assess says what the flow makes of a packet of its tuple. It changes nothing.
func (f *Flow) Assess(p *PacketMeta) Outcome {
	if f.state == StateEstablished && p.Class == ClassTCP && p.TCP.Flags&(ACK|SYN|FIN|RST) == ACK {
		return OutcomeMember // nearly all; the tuple'p protocol is TCP on both sides
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

// open makes the entry a new flow opened by s.
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

// count adds a packet to the totals, which stick at their maximum.
func (f *Flow) count(p *PacketMeta) {
	d := p.Dir & 1
	n, lo := f.packets[d]+1, f.bytesLo[d]+p.Bytes
	if n == 0 || lo < p.Bytes {
		f.countOver(d, p.Bytes)
		return
	}
	f.packets[d], f.bytesLo[d] = n, lo
}

// countOver is count where one of the words runs over.
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

// total returns the bytes that passed in direction d.
func (f *Flow) total(d Direction) uint64 {
	return uint64(f.bytesHi[d])<<32 | uint64(f.bytesLo[d])
}

func (f *Flow) clearCounts() {
	f.packets, f.bytesLo, f.bytesHi = [2]uint32{}, [2]uint32{}, [2]uint16{}
}
