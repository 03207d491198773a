package conntrack

import "time"

// An offloaded flow is one whose packets the kernel passes without asking, for a while. The
// table then sees some packets only, and hears of the others as counts.

// Carriage is how long the kernel may pass packets of a flow by itself. Of two carriages
// the smaller one is the shorter one.
type Carriage uint8

const (
	// CarryNone: every packet has to be seen. The zero value.
	CarryNone Carriage = iota
	// CarryOpening: the flow is new, or nobody has answered yet. It may be carried for a
	// moment, and floods of such flows must find a limit.
	CarryOpening
	// CarryProven: both sides have shown that they are there.
	CarryProven
)

// carriedOfIdle is the share of a flow's idle timer that it may be carried for: its timer is
// not exact for so long.
const carriedOfIdle = 4

// Carriage returns what the flow, as it is now, may be given, where CarryProven lasts for
// proven: at most a quarter of its idle timer. TCP gives up the numbers of its segments with
// it. What has ended, or was revoked, gives none, and a connection that was picked up in the
// middle first has to prove itself.
func (f *Flow) Carriage(tmo *Timeouts, proven time.Duration) Carriage {
	switch f.state {
	case StateSynSent, StateUnreplied, StateReplied, StateAsked:
		if f.class == ClassTCP || f.class == ClassUDP {
			return CarryOpening
		}
	case StateEstablished, StateCloseWait, StateStream:
		if tmo.timer(f.class, f.state) < carriedOfIdle*proven {
			return CarryOpening
		}
		return CarryProven
	}
	return CarryNone
}

// Offload reports whether packets of the live flow may pass unseen from now on, after the
// packet p, and notes that they do. It may not while a claim is open that needs numbers, and
// not again before the counts of both directions have been told once since, or the kernel must
// have forgotten that it was asked: it had no room.
//
// The kernel counts p, which is counted here, once in either direction, as it begins to count.
// Credit takes that off: nobody has answered yet who opens a flow. So it is not asked again
// while it may still have that count: a burst of datagrams would look answered.
func (e *Entry) Offload(p *PacketMeta, now Time) bool {
	f := e.flow
	second := uint32(now / Time(time.Second))
	switch {
	case f == nil, f.flags&flagClaim != 0,
		f.flags&flagOwed != 0 && (second-f.claim/owedSecond)%owedSeconds < owedPause:
		return false
	}
	f.doubt()
	f.flags |= flagOffloaded | flagOwed
	f.claim = min(p.Bytes, owedBytes) | owedPath<<Ingress | owedPath<<Egress |
		second%owedSeconds*owedSecond
	if p.Class == ClassTCP && p.TCP.Flags&(SYN|ACK) == SYN {
		f.claim |= owedHandshake
	}
	return true
}

// Parts of Flow.claim with flagOwed: the length of the packet, in which counts it still is,
// and in which second it was, of so many.
const (
	owedBytes     = 1<<24 - 1
	owedPath      = 1 << 24 // <<Direction
	owedHandshake = 1 << 26
	owedSecond    = 1 << 27
	owedSeconds   = 32
)

// owedPause is for how many seconds the kernel is not asked again. By then it has told of the
// flow, or has forgotten it: a new one is carried for less.
const owedPause = 7

// doubt has what is told next of each direction prove nothing, if the flow still owes a
// packet: with one more than can be taken off, what opens a flow would look like an answer.
func (f *Flow) doubt() {
	if f.flags&flagOwed != 0 {
		f.flags |= flagsUncount
	}
}

// untold are the flags that a flow leaves to the one that takes its place: of that one, too,
// the kernel passes packets on the same paths, and counts them.
func (f *Flow) untold() flowFlags {
	if f.flags&flagOffloaded != 0 {
		return flagsUncount | flagOffloaded
	}
	return 0
}

// settle takes the packet off that the counts of a direction have too much.
func (f *Flow) settle(d Direction, s *Seen) {
	counts := uint32(owedPath) << d
	if s.Handshake {
		counts = owedHandshake
	}
	if f.flags&flagOwed == 0 || f.claim&counts == 0 {
		return
	}
	s.Packets--
	s.Bytes -= min(s.Bytes, uint64(f.claim&owedBytes))
	f.claim &^= counts
	if f.claim&(owedPath<<Ingress|owedPath<<Egress|owedHandshake) == 0 {
		f.flags &^= flagOwed
	}
}

// Seen are packets of one direction of a flow that passed unseen.
type Seen struct {
	Packets, Bytes uint64
	// Handshake: all of them are SYN-ACKs.
	Handshake bool
}

// Credit adds packets that passed unseen to the live flow and restarts its idle timer, as
// if the last of them had come now. Without a live flow it does nothing. It returns those
// that really passed: the kernel counts a packet too many where it adds an element.
//
// Unseen segments prove nothing about numbers. But what answers a SYN sends no data before
// the opener has acknowledged the number of its SYN-ACK, which a forger does not see. So data
// of that side proves the connection, as its numbers would.
func (e *Entry) Credit(d Direction, s Seen, tmo *Timeouts, now Time) Seen {
	f := e.flow
	if f == nil {
		return s
	}
	if s.Packets == 0 { // bytes of what was told before: the kernel reads them first
		f.add(d, 0, s.Bytes)
		return s
	}
	if f.settle(d, &s); s.Packets == 0 {
		return s
	}
	f.add(d, s.Packets, s.Bytes)
	if s.Handshake || f.state.Closed() || f.state == StateRevoked {
		return s
	}
	was := f.state
	switch f.class {
	case ClassUDP:
		f.creditUDP()
	case ClassTCP:
		f.creditTCP(d, s)
	}
	if f.state != was {
		e.moved(was, now)
	}
	f.setDeadline(now.deadline(f.idle(tmo)))
	return s
}

// creditUDP is stepUDP for packets whose order is not known.
func (f *Flow) creditUDP() {
	asked, answered := f.packets[f.Opener()], f.packets[f.Opener().Reverse()]
	switch {
	case f.state == StateStream || answered == 0:
	case asked > 1 && answered > 1:
		f.state = StateStream
	case asked > 1:
		f.state = StateAsked
	default:
		f.state = StateReplied
	}
}

// creditTCP notes that segments other than SYN-ACKs passed in direction d. What is told
// first after a RST may be from before it, and what is told first of a flow that owed more
// than a packet may be no answer.
func (f *Flow) creditTCP(d Direction, s Seen) {
	if f.flags&(flagUncounted<<d) != 0 {
		f.flags &^= flagUncounted << d
		return
	}
	switch f.state {
	case StateReset:
		f.state = StateEstablished // one side goes on: it was not reset
	case StateSynSent, StateSynRecv:
		f.loseNumbers()
	}
	if f.state == StatePickup && d != f.Opener() && s.Bytes > s.Packets*f.bareSegment() {
		f.state = StateEstablished
	}
}

// bareSegment is the longest segment without data that a machine sends which waits for the
// end of a handshake: it answers a forged one with an acknowledgement, at most with
// timestamps, and any other way with a RST, which is not passed unseen.
func (f *Flow) bareSegment() uint64 {
	const tcp = 20 + 12 // header and timestamps (RFC 7323 §3.2)
	if f.key.Remote.Is4() {
		return 20 + tcp
	}
	return 40 + tcp
}

// unseen reports whether no segment of a direction was seen since the numbers were lost.
func (f *Flow) unseen(d Direction) bool {
	return f.flags&flagOffloaded != 0 && f.half[d] == half{}
}

// loseNumbers makes a connection whose handshake passed unseen one that was picked up in the
// middle: nothing is known of its numbers.
func (f *Flow) loseNumbers() {
	f.state, f.half = StatePickup, [2]half{}
	f.flags &^= flagKnown | flagSynAcked | flagClaim
}
