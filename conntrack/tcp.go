package conntrack

// Sequence numbers are compared modulo 2^32 (RFC 9293 §3.4).

// after reports whether a comes after b, by less than half the sequence space.
func after(a, b uint32) bool { return int32(a-b) > 0 }

// within reports whether lo ≤ x ≤ hi.
func within(x, lo, hi uint32) bool { return x-lo <= hi-lo }

// reach is how far ahead a sequence number is accepted: no window is larger than 2^30
// (RFC 7323 §2.3).
const reach = 1 << 30

// possible reports whether a TCP stack ever sends this combination of flags. PSH, ECE
// and CWR are valid with any other. The table is tcp_valid_flags of the kernel's
// nf_conntrack_proto_tcp.c.
func (f TCPFlags) possible() bool {
	switch f &^ (PSH | ECE | CWR) {
	case SYN, SYN | URG, SYN | ACK, RST, RST | ACK, FIN | ACK, FIN | ACK | URG, ACK, ACK | URG:
		return true
	}
	return false
}

// assessTCP is Assess of a TCP flow. Every packet of a live flow passes, in or out of
// the window, because a security group is no intrusion prevention (T28); stepTCP decides
// what the packet may change. Two kinds are left to the rules. One is a SYN, unless it
// repeats or crosses the one that opened the flow. The other is a combination of flags
// that no stack sends (T27).
func (f *Flow) assessTCP(d Direction, seg *TCPSegment) Outcome {
	if seg.Flags&(ACK|SYN|FIN|RST) == ACK {
		return OutcomeMember
	}
	if !seg.Flags.possible() {
		return OutcomeRules
	}
	if seg.Flags&(SYN|ACK) != SYN {
		return OutcomeMember
	}
	switch f.state {
	case StateSynSent:
		if d != f.Opener() || seg.Seq+1 == f.half[d].end {
			return OutcomeMember
		}
	case StateSynRecv:
		if seg.Seq+1 == f.half[d].end || seg.End() == f.half[d].end {
			return OutcomeMember
		}
	case StateLastAck, StateTimeWait, StateClose:
		return OutcomeReopen
	case StateReset:
		if d == Egress { // the machine has nothing open between these ports: the RST was genuine
			return OutcomeReopen
		}
	}
	return OutcomeRules
}

// openTCP starts a flow with a SYN or, mid-stream, with any other segment.
func (f *Flow) openTCP(d Direction, seg *TCPSegment) {
	f.half = [2]half{}
	if seg.Flags&SYN != 0 {
		f.state = StateSynSent
		f.half[d] = half{end: seg.Seq + 1, top: seg.End()}
		return
	}
	f.state = StatePickup
	f.half[d] = half{end: seg.Seq, top: seg.End(), ack: seg.Ack}
}

// claimSYN notes a SYN that the rules let pass although the flow is live. If the other
// side answers with a SYN-ACK for exactly this number, it has accepted the SYN. Then the
// known connection is gone at both ends: one side lost its state and came back with the
// same port. A forged SYN gets no such answer.
func (f *Flow) claimSYN(d Direction, seg *TCPSegment) {
	f.setClaim(flagClaimSYN, d, seg.Seq+1)
}

// provesSYN reports whether the segment is the SYN-ACK that claimSYN waits for.
func (f *Flow) provesSYN(d Direction, seg *TCPSegment) bool {
	return seg.Flags&(SYN|ACK) == SYN|ACK &&
		f.flags&flagClaimSYN != 0 && f.claimant() != d && seg.Ack == f.claim
}

// restart makes the flow the one that began with the claimed SYN and the given
// SYN-ACK in direction d.
func (f *Flow) restart(d Direction, seg *TCPSegment) {
	isn := f.claim
	f.flags = flowFlags(d.Reverse())&flagEgress | f.untold()
	f.half[d.Reverse()] = half{end: isn, top: isn}
	f.adopt(d, seg)
}

// adopt takes over the sequence numbers of a SYN-ACK in direction d that acknowledged
// the opener's SYN.
func (f *Flow) adopt(d Direction, seg *TCPSegment) {
	f.half[d] = half{end: seg.Seq + 1, top: seg.End(), ack: seg.Ack}
	f.half[d.Reverse()].end = seg.Ack
	f.flags |= flagKnown
	f.flags &^= flagSynAcked
	f.state = StateSynRecv
}

// setClaim replaces the flow's unconfirmed claim.
func (f *Flow) setClaim(kind flowFlags, d Direction, n uint32) {
	f.doubt() // claim takes the place of what is owed
	f.flags = f.flags&^(flagClaim|flagOwed) | kind
	if d == Egress {
		f.flags |= flagClaimEgress
	}
	f.claim = n
}

// claimant returns who made the claim.
func (f *Flow) claimant() Direction {
	if f.flags&flagClaimEgress != 0 {
		return Egress
	}
	return Ingress
}
