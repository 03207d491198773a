package conntrack

// This file is what a segment changes in a TCP flow of which others passed unseen. The
// numbers that are known of it are old, so proof is of another kind: that one side
// acknowledges the very number that a FIN of the other one ended with.

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
// it was seen, and half.end is the number after it. Once the other side has acknowledged
// that number it was genuine.
func (f *Flow) endOffloaded(d Direction, seg *TCPSegment) {
	peer := d.Reverse()
	if f.flags&(flagFIN<<peer) != 0 && seg.Flags&ACK != 0 && seg.Ack == f.half[peer].end {
		f.flags |= flagFINAcked << peer
	}
	switch proven := f.flags&(flagFINAcked<<d) != 0; {
	case seg.Flags&FIN != 0 && !proven:
		f.flags |= flagFIN << d
		f.half[d].end = seg.End()
	case !proven && f.flags&(flagFIN<<d) != 0 && seg.Len > 0 && after(seg.End(), f.half[d].end):
		f.flags &^= flagFIN << d // there is data after that FIN: it was forged
	}
	if f.flags&flagsFINAcked != 0 {
		f.state = closing(f.flags)
	}
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
