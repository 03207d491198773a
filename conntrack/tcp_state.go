package conntrack

// This file is what a packet of a live TCP flow changes. Every change needs a proof: a
// sequence number that the other side chose and that an off-path attacker does not see.
// RFC 5961 demands the same of an endpoint. A packet without proof passes and leaves the
// flow as it was, its timer included where that could be abused.

// stepTCP applies a segment that passed as a member of the flow. It reports whether the
// segment restarts the idle timer. A change of state always does, for which the caller
// looks itself.
func (f *Flow) stepTCP(d Direction, seg *TCPSegment) (refresh bool) {
	if f.flags&flagOffloaded != 0 && seg.Flags&SYN == 0 {
		return f.stepOffloaded(d, seg)
	}
	switch f.state {
	case StateEstablished, StateFinWait, StateCloseWait, StateLastAck:
		if seg.Flags&(SYN|RST) == 0 {
			f.stepData(d, seg)
			return true
		}
		if seg.Flags&RST != 0 && f.exactRST(d, seg) {
			f.state = StateClose
		}
	case StateSynSent, StateSynRecv:
		f.stepOpening(d, seg)
		return seg.Flags&(SYN|RST) == 0
	case StatePickup:
		return f.stepPickup(d, seg)
	case StateTimeWait:
		// A FIN again means that its acknowledgement was lost (RFC 9293 §3.10.7.4).
		return seg.Flags&(FIN|RST) == FIN && seg.End() == f.half[d].end
	}
	return false
}

// exactRST reports whether a RST has the sequence number that the receiver expects next,
// or the one after the sender's last byte (RFC 5961 §3.2). The receiver answers any other
// RST with a challenge ACK, and it changes nothing.
func (f *Flow) exactRST(d Direction, seg *TCPSegment) bool {
	return seg.Seq == f.half[d.Reverse()].ack || seg.Seq == f.half[d].end
}

// stepData follows the sequence numbers of a connection that is open in at least one
// direction.
func (f *Flow) stepData(d Direction, seg *TCPSegment) {
	if f.flags&(flagsFIN|flagsFINAcked|flagClaimFIN|flagOffloaded) != 0 || seg.Flags&FIN != 0 {
		f.stepEnd(d, seg)
		return
	}
	// Hot path: without a FIN this does the same as stepEnd.
	mine, peer := &f.half[d&1], &f.half[d&1^1]
	if a := seg.Ack; !after(a, peer.top) {
		if after(a, peer.end) {
			peer.end = a
		}
		if after(a, mine.ack) {
			mine.ack = a
		}
	}
	end := seg.Seq + seg.Len
	if after(end, mine.end) && !after(seg.Seq, mine.end) {
		mine.end = end
	}
	if after(end, mine.top) && end-mine.end < reach {
		mine.top = end
	}
}

// unacknowledged reports whether one side of an open connection has sent what the other
// has not acknowledged. Only what is certain counts: a forged segment after a gap would
// shorten the flow's life.
func (f *Flow) unacknowledged() bool {
	in, out := &f.half[Ingress], &f.half[Egress]
	return after(in.end, out.ack) || after(out.end, in.ack)
}

// stepEnd is stepData where a FIN has been seen, or is in this segment.
func (f *Flow) stepEnd(d Direction, seg *TCPSegment) {
	if f.flags&flagOffloaded != 0 {
		f.stepOffloaded(d, seg)
		return
	}
	var (
		mine, peer = &f.half[d], &f.half[d.Reverse()]
		was        = f.flags
		end        = seg.End()
	)
	// The acknowledgement, unless it is for data that the peer never sent.
	if a := seg.Ack; !after(a, peer.top) {
		if after(a, peer.end) {
			f.acknowledge(d.Reverse(), a)
		}
		if a == peer.end && f.flags&(flagFIN<<d.Reverse()) != 0 {
			f.flags |= flagFINAcked << d.Reverse()
		}
		if after(a, mine.ack) {
			mine.ack = a
		}
	}
	// The data, and a FIN after it.
	switch fin := seg.Flags&FIN != 0; {
	case f.flags&(flagFIN<<d) != 0:
		// Data after a FIN proves nothing, see acknowledge.
	case after(seg.Seq, mine.end):
		if fin && end-mine.end < reach {
			f.setClaim(flagClaimFIN, d, end)
		}
	case after(end, mine.end):
		mine.end = end
		if fin {
			f.flags |= flagFIN << d
		}
	}
	if after(end, mine.top) && end-mine.end < reach {
		mine.top = end
	}
	if (was^f.flags)&(flagsFIN|flagsFINAcked) != 0 {
		f.state = closing(f.flags)
	}
}

// acknowledge notes that the other side has received everything that d sent before a.
func (f *Flow) acknowledge(d Direction, a uint32) {
	f.half[d].end = a
	// The other side has received data from after d's FIN: the FIN was forged.
	f.flags &^= flagFIN<<d | flagFINAcked<<d
	if f.flags&flagClaimFIN != 0 && f.claimant() == d && f.claim == a {
		f.flags = f.flags&^flagClaim | flagFIN<<d | flagFINAcked<<d
	}
}

// closing returns the state that follows from the FINs seen and acknowledged.
func closing(flags flowFlags) State {
	switch fins, acked := flags&flagsFIN, flags&flagsFINAcked; {
	case fins == 0:
		return StateEstablished
	case fins != flagsFIN && acked == 0:
		return StateFinWait
	case fins != flagsFIN:
		return StateCloseWait
	case acked != flagsFINAcked:
		return StateLastAck
	}
	return StateTimeWait
}

// stepOpening follows a handshake: SYN, SYN-ACK, ACK, or a simultaneous open (RFC 9293
// §3.5). The opener's half is exact from the start. The sequence numbers of the other
// side become exact with an acknowledgement of the opener's SYN.
//
// What goes on with the connection restarts the timer, though it proves nothing: where
// one direction alone is seen (direct return, asymmetric routes) nothing more ever
// comes, and the flow lives by its own packets. What repeats the handshake does not, or
// a server's repeated SYN-ACKs would keep the entries of a flood.
func (f *Flow) stepOpening(d Direction, seg *TCPSegment) {
	o := f.Opener()
	switch {
	case seg.Flags&RST != 0:
		if f.refuses(d, seg) {
			f.state = StateClose
		}
	case d == o:
		f.stepOpener(d, seg)
	default:
		f.stepAnswer(d, seg)
	}
}

// stepOpener applies a segment of the side that opened, without RST.
func (f *Flow) stepOpener(d Direction, seg *TCPSegment) {
	mine, peer := &f.half[d], &f.half[d.Reverse()]
	if seg.Flags&ACK == 0 || f.flags&flagKnown == 0 || !within(seg.Ack, peer.end, peer.top) {
		return
	}
	if seg.Flags&SYN != 0 { // simultaneous open: the opener's SYN-ACK
		if seg.Seq+1 != mine.end {
			return
		}
	} else if seg.Seq-mine.end >= reach {
		return
	}
	mine.ack = seg.Ack
	if f.state == StateSynSent {
		f.flags |= flagSynAcked
		return
	}
	f.state = StateEstablished
	if seg.Flags&SYN == 0 {
		f.stepData(d, seg)
	}
}

// stepAnswer applies a segment of the other side, without RST.
func (f *Flow) stepAnswer(d Direction, seg *TCPSegment) {
	mine, peer := &f.half[d], &f.half[d.Reverse()]
	// After a SYN-ACK, peer.end is how much of the SYN it acknowledged.
	taken := seg.Flags&ACK != 0 && within(seg.Ack, peer.end, peer.top)
	switch {
	case seg.Flags&(SYN|ACK) == SYN:
		// Simultaneous open. The latest SYN counts until the opener acknowledged one.
		if f.state == StateSynSent && f.flags&flagSynAcked == 0 {
			*mine = half{end: seg.Seq + 1, top: seg.End()}
			f.flags |= flagKnown
		}
	case seg.Flags&SYN != 0:
		// A stale SYN-ACK acknowledges another number and passes without effect. Of
		// two good ones the later counts: a stateless server chooses a new number.
		if !taken || f.state == StateSynRecv && seg.Seq+1 == mine.end {
			return
		}
		crossed := f.flags&flagSynAcked != 0 && seg.Seq+1 == mine.end
		f.adopt(d, seg)
		if crossed {
			f.state = StateEstablished
		}
	case f.flags&flagKnown == 0 || seg.Seq-mine.end >= reach || !taken:
		// Nothing is known of this side, or the segment proves nothing.
	default:
		if after(seg.End(), mine.top) {
			mine.top = seg.End()
		}
		if seg.Flags&FIN != 0 {
			f.setClaim(flagClaimFIN, d, seg.End())
		}
		if f.state == StateSynSent { // we missed its SYN-ACK
			mine.ack = seg.Ack
			peer.end = seg.Ack
			f.state = StateSynRecv
			if f.flags&flagSynAcked != 0 {
				f.state = StateEstablished
			}
		}
	}
}

// refuses reports whether a RST ends a handshake. One that answers the SYN must
// acknowledge it (RFC 9293 §3.10.7.3). Any other must have the exact sequence number.
func (f *Flow) refuses(d Direction, seg *TCPSegment) bool {
	mine, peer := &f.half[d], &f.half[d.Reverse()]
	if d == f.Opener() {
		return seg.Seq == mine.end || f.state == StateSynRecv && seg.Seq == peer.ack
	}
	if seg.Flags&ACK != 0 && within(seg.Ack, peer.end, peer.top) {
		return true
	}
	known := f.state == StateSynRecv || f.flags&flagSynAcked != 0
	return known && seg.Seq == mine.end
}

// stepPickup looks for proof that both sides belong to the same connection: the latest
// acknowledgement of each lies in the range of sequence numbers that the other has sent.
// An attacker who forges one side cannot produce it.
func (f *Flow) stepPickup(d Direction, seg *TCPSegment) (refresh bool) {
	mine, peer := &f.half[d], &f.half[d.Reverse()]
	opener := d == f.Opener()
	known := f.flags&flagKnown != 0
	switch {
	case seg.Flags&RST != 0:
		if (known || !opener) && seg.Seq == peer.ack {
			f.state = StateClose
		}
		return false
	case seg.Flags&SYN != 0:
		return false
	}
	end := seg.End()
	switch {
	case !opener && !known, f.unseen(d), seg.Seq-mine.end >= reach:
		// The first segment, or one from before it. The range restarts, so that it
		// holds the latest segment, whatever an attacker sent first.
		mine.end, mine.top = seg.Seq, end
	case after(end, mine.top):
		mine.top = end
	}
	mine.ack = seg.Ack
	if !opener {
		f.flags |= flagKnown
		known = true
	}
	if !known || f.unseen(d.Reverse()) ||
		!within(mine.ack, peer.end, peer.top) || !within(peer.ack, mine.end, mine.top) {
		return true
	}
	f.state = StateEstablished
	mine.end, peer.end = peer.ack, mine.ack
	f.stepData(d, seg)
	return true
}
