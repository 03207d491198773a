package conntrack

// This file is what a segment changes in a TCP flow of which others passed unseen. The
// numbers that are known of it are old, so proof is of another kind: that one side
// acknowledges the very number that a FIN of the other one ended with, or that the numbers of
// two FINs fit that were under way at the same time.

// crossingReach is how much data may be under way in each direction when two FINs cross. Both
// numbers of the second one have to fit, so that they are as hard to guess as a single exact
// one: (2^16/2^32)^2.
const crossingReach = 1 << 16

// stepOffloaded is stepTCP of an offloaded flow, for a segment without SYN.
func (f *Flow) stepOffloaded(d Direction, seg *TCPSegment) (refresh bool) {
	if seg.Flags&RST != 0 {
		f.resetOffloaded(d, seg)
		return false
	}
	switch f.state {
	case StateReset:
		f.state = StateEstablished // one side goes on: it was not reset
	case StateSynRecv: // its SYN-ACK was seen, and perhaps no segment was missed
		if f.stepOpening(d, seg); f.state == StateSynRecv {
			f.loseNumbers()
		}
	case StateSynSent:
		f.loseNumbers()
	}
	switch {
	case f.state.Closed():
		return false
	case seg.Flags&FIN != 0 || f.flags&flagsFIN != 0:
		f.endOffloaded(d, seg)
	case f.state == StatePickup:
		return f.stepPickup(d, seg)
	}
	return true
}

// endOffloaded follows the ends of both sides. A FIN alone proves nothing: flagFIN says that
// it was seen, half.end is the number after it, and half.ack what it acknowledged. Once the
// other side has acknowledged that number it was genuine. So it was if a FIN of the other side
// crossed it, whose acknowledgements pass unseen.
func (f *Flow) endOffloaded(d Direction, seg *TCPSegment) {
	peer := d.Reverse()
	if f.flags&(flagFIN<<peer) != 0 && seg.Flags&ACK != 0 &&
		(seg.Ack == f.half[peer].end || seg.Flags&FIN != 0 && f.crosses(d, seg)) {
		f.flags |= flagFINAcked << peer
	}
	switch proven := f.flags&(flagFINAcked<<d) != 0; {
	case seg.Flags&FIN != 0 && !proven:
		f.flags |= flagFIN << d
		f.half[d].end, f.half[d].ack = seg.End(), seg.Ack
	case !proven && f.flags&(flagFIN<<d) != 0 && seg.Len > 0 && after(seg.End(), f.half[d].end):
		f.flags &^= flagFIN << d // there is data after that FIN: it was forged
	}
	if f.flags&flagsFINAcked != 0 {
		f.state = closing(f.flags)
	}
}

// crosses reports whether a FIN was sent before the one of the other side had come: it
// acknowledges what that side sent shortly before its FIN, and begins shortly behind what that
// FIN acknowledged.
func (f *Flow) crosses(d Direction, fin *TCPSegment) bool {
	other := &f.half[d.Reverse()]
	return other.end-1-fin.Ack < crossingReach && fin.Seq-other.ack < crossingReach
}

// resetOffloaded applies a RST. One that the protected machine sends ends the flow: nobody
// outside can send it. One that comes in may be forged, and no number tells; the machine
// itself knows, and has to be asked ([Table.Reset]). Until then the flow lives on, but is among
// the first to make room.
func (f *Flow) resetOffloaded(d Direction, seg *TCPSegment) {
	switch {
	case f.state.Closed():
	case (f.state == StateSynSent || f.state == StateSynRecv) && f.refuses(d, seg),
		f.flags&(flagFIN<<d) != 0 && seg.Seq == f.half[d].end,
		d == Egress:
		f.state = StateClose
	case f.state == StateEstablished:
		f.state = StateReset
		f.flags |= flagsUncount
	}
}

// Reset ends the live connection that a RST came in for ([StateReset]), which somebody found
// to be gone at this end. It reports whether it did, and not if either side went on since.
func (t *Table) Reset(key *Tuple, now Time) bool {
	e := t.Lock(key, now)
	defer e.Unlock()
	f := e.flow
	if f == nil || f.state != StateReset {
		return false
	}
	f.state = StateClose // in the same eviction queue
	f.setDeadline(now.deadline(TimeoutClose))
	if !f.Untracked() {
		e.lockShard()
		e.shard.stats.closedRST++
	}
	return true
}
