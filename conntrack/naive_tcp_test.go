package conntrack

// naiveWindow is the largest window, and how far ahead a sequence number is accepted.
const naiveWindow = int64(1) << 30

// naiveSide is one side of a connection, with unwrapped sequence numbers.
type naiveSide struct {
	known         bool
	end, top      int64
	ack           uint32
	fin, finAcked bool
}

// near unwraps n to the value closest to ref.
func near(n uint32, ref int64) int64 {
	d := int64(n) - ref&0xffffffff
	for d >= 1<<31 {
		d -= 1 << 32
	}
	for d < -1<<31 {
		d += 1 << 32
	}
	return ref + d
}

// plain names a combination of flags without those that are valid with any; "" is an
// impossible one.
func plain(f TCPFlags) string {
	names := map[TCPFlags]string{
		SYN: "syn", SYN | URG: "syn", SYN | ACK: "synack", RST: "rst", RST | ACK: "rst",
		FIN | ACK: "fin", FIN | ACK | URG: "fin", ACK: "ack", ACK | URG: "ack",
	}
	return names[f&(FIN|SYN|RST|ACK|URG)]
}

// tcp applies a segment and reports whether it restarts the timer.
func (f *naiveFlow) tcp(d Direction, seg TCPSegment, kind string) bool {
	me, peer := &f.side[d], &f.side[1-d]
	length := int64(seg.Len)
	if kind == "fin" {
		length++
	}
	// acksPeer: the acknowledgement is for data that the peer may have sent.
	ack := near(seg.Ack, peer.end)
	acksPeer := kind != "syn" && seg.Flags&ACK != 0 && peer.known && ack >= peer.end && ack <= peer.top

	switch f.state {
	case StateClose:
		return false

	case StateTimeWait:
		return kind == "fin" && seg.Seq+seg.Len+1 == uint32(me.end)

	case StateEstablished, StateFinWait, StateCloseWait, StateLastAck:
		switch kind {
		case "synack":
			return false
		case "rst":
			if seg.Seq == peer.ack || seg.Seq == uint32(me.end) {
				f.state = StateClose
			}
			return false
		}
		f.data(d, seg, kind == "fin")
		return true

	case StatePickup:
		if kind == "rst" {
			if peer.known && seg.Seq == peer.ack {
				f.state = StateClose
			}
			return false
		}
		if kind == "synack" {
			return false
		}
		seq := near(seg.Seq, me.end)
		if !me.known || seq-me.end >= naiveWindow || seq < me.end {
			seq = int64(seg.Seq) + 1<<40
			*me = naiveSide{known: true, end: seq, top: seq + length}
		} else if seq+length > me.top {
			me.top = seq + length
		}
		me.ack = seg.Ack
		if !peer.known {
			return true
		}
		a, b := near(me.ack, peer.end), near(peer.ack, me.end)
		if a >= peer.end && a <= peer.top && b >= me.end && b <= me.top {
			f.state = StateEstablished
			peer.end, me.end = a, b
			f.data(d, seg, kind == "fin")
		}
		return true

	case StateSynSent, StateSynRecv:
		seq := near(seg.Seq, me.end)
		fromOpener := d == f.opener
		switch {
		case kind == "rst" && fromOpener:
			if seq == me.end || f.state == StateSynRecv && seg.Seq == peer.ack {
				f.state = StateClose
			}
		case kind == "rst":
			proven := f.state == StateSynRecv || f.synAcked
			if acksPeer || proven && seq == me.end {
				f.state = StateClose
			}
		case fromOpener && acksPeer:
			if kind == "synack" && seq+1 != me.end {
				return false
			}
			if kind != "synack" && (seq < me.end || seq >= me.end+naiveWindow) {
				return false
			}
			me.ack = seg.Ack
			if f.state == StateSynSent {
				f.synAcked = true
				return false
			}
			f.state = StateEstablished
			if kind != "synack" {
				f.data(d, seg, kind == "fin")
			}
		case fromOpener:
		case kind == "syn":
			if f.state == StateSynSent && !f.synAcked {
				n := int64(seg.Seq) + 1<<40
				*me = naiveSide{known: true, end: n + 1, top: n + 1 + length}
			}
		case kind == "synack":
			same := me.known && seg.Seq+1 == uint32(me.end)
			if !acksPeer || same && f.state == StateSynRecv {
				return false
			}
			n := int64(seg.Seq) + 1<<40
			*me = naiveSide{known: true, end: n + 1, top: n + 1 + length, ack: seg.Ack}
			peer.end = ack
			f.state = StateSynRecv
			if same && f.synAcked {
				f.state = StateEstablished
			}
			f.synAcked = false
		case me.known && acksPeer && seq >= me.end && seq < me.end+naiveWindow:
			me.top = max(me.top, seq+length)
			if kind == "fin" {
				f.claimed, f.claimBy, f.claim = "fin", d, seg.Seq+uint32(length)
			}
			if f.state == StateSynSent {
				me.ack = seg.Ack
				peer.end = ack
				f.state = StateSynRecv
				if f.synAcked {
					f.state = StateEstablished
				}
			}
		}
	}
	return false
}

// data applies a segment of an open connection.
func (f *naiveFlow) data(d Direction, seg TCPSegment, fin bool) {
	me, peer := &f.side[d], &f.side[1-d]
	flags := [4]bool{me.fin, me.finAcked, peer.fin, peer.finAcked}

	if ack := near(seg.Ack, peer.end); near(seg.Ack, peer.top) <= peer.top {
		if ack > peer.end {
			peer.end = ack
			peer.fin, peer.finAcked = false, false // there was more data after it
			if f.claimed == "fin" && f.claimBy != d && f.claim == seg.Ack {
				peer.fin, peer.finAcked = true, true
				f.claimed = ""
			}
		}
		if peer.fin && ack == peer.end {
			peer.finAcked = true
		}
		if a := near(seg.Ack, int64(me.ack)); a > int64(me.ack) {
			me.ack = seg.Ack
		}
	}

	seq := near(seg.Seq, me.end)
	end := near(seg.End(), me.end)
	if !me.fin {
		switch {
		case seq > me.end && fin && end-me.end < naiveWindow && end > me.end:
			f.claimed, f.claimBy, f.claim = "fin", d, seg.End()
		case seq > me.end:
		case end > me.end:
			me.end = end
			me.fin = fin
		}
	}
	if end-me.end < naiveWindow && end >= me.end && near(seg.End(), me.top) > me.top {
		me.top = near(seg.End(), me.top)
	}

	if flags == [4]bool{me.fin, me.finAcked, peer.fin, peer.finAcked} {
		return
	}
	one, both := me.fin || peer.fin, me.fin && peer.fin
	acked := me.finAcked || peer.finAcked
	allAcked := me.finAcked && peer.finAcked
	switch {
	case both && allAcked:
		f.state = StateTimeWait
	case both:
		f.state = StateLastAck
	case one && acked:
		f.state = StateCloseWait
	case one:
		f.state = StateFinWait
	default:
		f.state = StateEstablished
	}
}
