package naive

import "time"

// tcp is what is known of a connection. Every packet of it passes, whatever its
// numbers (T28); numbers decide how long it lives. What earns it the long timer or
// ends it is a number that the other side chose (the project's decision: trust must
// be earned); everything else passes and changes nothing.
type tcp struct {
	state state
	side  [2]side // by Direction
	// met: the numbers of the side that did not open are known although it has
	// acknowledged nothing: its SYN crossed the opener's, or the connection was met
	// midway.
	met bool
	// agreed: the opener acknowledged the SYN that crossed its own.
	agreed bool
	claim  claim
}

type state int

const (
	synSent state = iota
	synRecv
	midway
	established
	finWait
	closeWait
	lastAck
	timeWait
	closed
)

// side is what one side has shown of its numbers: those up to sure are certain,
// some up to most were seen; ack is what it has acknowledged.
type side struct {
	sure, most, ack uint32
	fin, finAcked   bool
}

// claim is the one number that is remembered although nobody confirmed it.
type claim struct {
	of     claimKind
	by     Direction
	number uint32
}

type claimKind int

const (
	_ claimKind = iota // nothing
	// claimsSYN: rules let a SYN for another connection pass.
	claimsSYN
	// claimsFIN: a FIN stands behind bytes that nobody saw.
	claimsFIN
)

// window is the largest that TCP can have (RFC 7323).
const window = 1 << 30

// behind reports whether a stands behind b on the circle of numbers (RFC 9293).
func behind(a, b uint32) bool { return a != b && a-b < 1<<31 }

// end is the number behind the segment; SYN and FIN count.
func (p *Packet) end() uint32 {
	n := p.Seq + uint32(p.Len)
	if p.Flags.has(SYN) {
		n++
	}
	if p.Flags.has(FIN) {
		n++
	}
	return n
}

// shown reports whether the side has shown that number, so that the other may
// acknowledge it.
func (s *side) shown(n uint32) bool { return n-s.sure <= s.most-s.sure }

func (t *tcp) timer(n *Interface) time.Duration {
	open := map[state]time.Duration{
		established: n.Established, closeWait: min(n.HalfClosed, n.Established),
	}[t.state]
	if open != 0 {
		for i, s := range t.side {
			if behind(s.sure, t.side[1-i].ack) {
				return min(open, timeUnacknowledged)
			}
		}
		return open
	}
	return map[state]time.Duration{
		synSent: timeSynSent, synRecv: timeSynRecv, midway: timePickup, finWait: timeFinWait,
		lastAck: timeLastAck, timeWait: timeTimeWait, closed: timeClose,
	}[t.state]
}

func (t *tcp) begin(d Direction, p *Packet) {
	*t = tcp{state: synSent}
	t.side[d] = side{sure: p.Seq + 1, most: p.end()}
	if !p.Flags.has(SYN) {
		t.state = midway
		t.side[d] = side{sure: p.Seq, most: p.end(), ack: p.Ack}
	}
}

// over reports whether both sides said that they send no more, or one broke off
// (T13).
func (t *tcp) over() bool { return t.state == lastAck || t.state == timeWait || t.state == closed }

// leavesToRules: a SYN asks for something new, unless it is the one that opened
// the connection once more, or the other side's that crosses it.
func (t *tcp) leavesToRules(opener, d Direction, p *Packet) bool {
	if !p.Flags.sane() {
		return true
	}
	if !p.Flags.opening() {
		return false
	}
	again := p.Seq+1 == t.side[d].sure
	switch t.state {
	case synSent:
		return d == opener && !again
	case synRecv:
		return !again && p.end() != t.side[d].sure
	}
	return true
}

func (t *tcp) passedByRules(d Direction, p *Packet) {
	if p.Flags.opening() {
		t.claim = claim{claimsSYN, d, p.Seq + 1}
	}
}

// goesOn moves the connection by a segment of it and reports whether the idle timer
// starts anew.
func (t *tcp) goesOn(opener *Direction, d Direction, p *Packet) bool {
	if p.Flags.has(SYN|ACK) && t.claim == (claim{claimsSYN, d.reverse(), p.Ack}) {
		// The other side took the new SYN: the old connection is gone at both ends.
		*opener = d.reverse()
		*t = tcp{}
		t.side[d.reverse()] = side{sure: p.Ack, most: p.Ack}
		t.answered(d, p)
		return true
	}
	was, anew := t.state, false
	switch t.state {
	case synSent, synRecv:
		t.handshake(*opener, d, p)
		anew = p.Flags&(SYN|RST) == 0 // half of it may be all that is ever seen
	case midway:
		anew = t.joins(*opener, d, p)
	case timeWait:
		// The last ACK was lost: the FIN comes again.
		anew = p.Flags.has(FIN) && !p.Flags.has(RST) && p.end() == t.side[d].sure
	case closed:
	default:
		switch {
		case p.Flags.has(RST):
			if p.Seq == t.side[d.reverse()].ack || p.Seq == t.side[d].sure {
				t.state = closed
			}
		case !p.Flags.has(SYN):
			t.data(d, p)
			anew = true
		}
	}
	return anew || t.state != was
}

// answered: a SYN-ACK in direction d took the opener's SYN.
func (t *tcp) answered(d Direction, p *Packet) {
	t.side[d] = side{sure: p.Seq + 1, most: p.end(), ack: p.Ack}
	t.side[d.reverse()].sure = p.Ack
	t.met, t.agreed = true, false
	t.state = synRecv
}

func (t *tcp) handshake(opener, d Direction, p *Packet) {
	mine, other := &t.side[d], &t.side[d.reverse()]
	takes := p.Flags.has(ACK) && other.shown(p.Ack)
	switch {
	case p.Flags.has(RST) && d == opener:
		if p.Seq == mine.sure || t.state == synRecv && p.Seq == other.ack {
			t.state = closed
		}
	case p.Flags.has(RST):
		if takes || (t.state == synRecv || t.agreed) && p.Seq == mine.sure {
			t.state = closed
		}
	case d == opener:
		t.openerSpeaks(d, p, takes && t.met)
	case p.Flags.has(SYN) && !p.Flags.has(ACK):
		if t.state == synSent && !t.agreed { // SYN against SYN
			*mine = side{sure: p.Seq + 1, most: p.end()}
			t.met = true
		}
	case p.Flags.has(SYN):
		again := t.state == synRecv && p.Seq+1 == mine.sure
		if takes && !again {
			both := t.agreed && p.Seq+1 == mine.sure
			t.answered(d, p)
			if both {
				t.state = established
			}
		}
	case t.met && takes && p.Seq-mine.sure < window:
		if behind(p.end(), mine.most) {
			mine.most = p.end()
		}
		if p.Flags.has(FIN) {
			t.claim = claim{claimsFIN, d, p.end()}
		}
		if t.state == synSent { // the SYN-ACK took another way
			mine.ack, other.sure = p.Ack, p.Ack
			t.state = synRecv
			if t.agreed {
				t.state = established
			}
		}
	}
}

// openerSpeaks: what the opener sends makes a connection of it once it takes the
// other side's SYN.
func (t *tcp) openerSpeaks(d Direction, p *Packet, takes bool) {
	mine := &t.side[d]
	inPlace := p.Seq-mine.sure < window
	if p.Flags.has(SYN) {
		inPlace = p.Seq+1 == mine.sure
	}
	if !takes || !inPlace {
		return
	}
	mine.ack = p.Ack
	if t.state == synSent {
		t.agreed = true
		return
	}
	t.state = established
	if !p.Flags.has(SYN) {
		t.data(d, p)
	}
}

// data follows a segment of an open connection.
func (t *tcp) data(d Direction, p *Packet) {
	mine, other := &t.side[d], &t.side[d.reverse()]
	if !behind(p.Ack, other.most) { // of something that was sent
		if behind(p.Ack, other.sure) {
			// The receiver has bytes that we did not see. A FIN in front of them was
			// none; one that was waiting for them is one.
			other.sure = p.Ack
			other.fin, other.finAcked = false, false
			if t.claim == (claim{claimsFIN, d.reverse(), p.Ack}) {
				other.fin, other.finAcked = true, true
				t.claim = claim{}
			}
		}
		if other.fin && p.Ack == other.sure {
			other.finAcked = true
		}
		if behind(p.Ack, mine.ack) {
			mine.ack = p.Ack
		}
	}
	end := p.end()
	switch {
	case mine.fin: // nothing comes after a FIN
	case behind(p.Seq, mine.sure): // a gap
		if p.Flags.has(FIN) && end-mine.sure < window {
			t.claim = claim{claimsFIN, d, end}
		}
	case behind(end, mine.sure):
		mine.sure = end
		mine.fin = p.Flags.has(FIN)
	}
	if behind(end, mine.most) && end-mine.sure < window {
		mine.most = end
	}
	t.state = t.byFINs()
}

// byFINs is where a connection stands by the FINs that were sent and taken.
func (t *tcp) byFINs() state {
	fins, acked := 0, 0
	for _, s := range t.side {
		if s.fin {
			fins++
		}
		if s.finAcked {
			acked++
		}
	}
	switch {
	case fins == 0:
		return established
	case fins == 1 && acked == 0:
		return finWait
	case fins == 1:
		return closeWait
	case acked < 2:
		return lastAck
	}
	return timeWait
}

// joins looks for proof that a connection which was met midway is one: the latest
// acknowledgement of each side lies among the numbers that the other one has shown.
func (t *tcp) joins(opener, d Direction, p *Packet) bool {
	mine, other := &t.side[d], &t.side[d.reverse()]
	if p.Flags.has(RST) {
		if (t.met || d != opener) && p.Seq == other.ack {
			t.state = closed
		}
		return false
	}
	if p.Flags.has(SYN) {
		return false
	}
	if d != opener && !t.met || p.Seq-mine.sure >= window {
		mine.sure, mine.most = p.Seq, p.end() // the first, or from elsewhere
	} else if behind(p.end(), mine.most) {
		mine.most = p.end()
	}
	mine.ack = p.Ack
	t.met = t.met || d != opener
	if t.met && other.shown(mine.ack) && mine.shown(other.ack) {
		mine.sure, other.sure = other.ack, mine.ack
		t.state = established
		t.data(d, p)
	}
	return true
}
