package differential

import (
	"math/rand/v2"
	"net/netip"

	"sgfw/test/naive"
)

// talk is a conversation between two sides; side 0 begins.
type talk struct {
	ways    [2]Way // of the packets of each side
	address [2]netip.Addr
	port    [2]int // of a query: the identifier at side 0

	protocol int
	query    int // ICMP: the type that asks

	last  [2]*naive.Packet // that each side sent
	heard [2]bool          // the side has received something
	// missed counts the packets that did not arrive since one did.
	missed int

	tcp      [2]peer
	stage    stage
	crossing bool // both sides open
	lasts    bool // it takes its time to end
}

// stage is how far a connection is, to the knowledge of both ends.
type stage int

const (
	silent    stage = iota
	asked           // the SYN arrived
	answered        // the SYN-ACK arrived
	connected       // the ACK arrived
	ended
)

// peer is one end of a connection.
type peer struct {
	isn  uint32
	next uint32 // to send
	want uint32 // to receive
	fin  bool   // it was sent
	sent bool   // its SYN, while SYNs cross
	up   bool   // it has the other's SYN-ACK, while SYNs cross
}

// reset begins the connection anew, sometimes in its middle (T22).
func (k *talk) reset(r *rand.Rand) {
	k.stage, k.crossing = silent, chance(r, 6)
	for i := range k.tcp {
		isn := r.Uint32()
		if chance(r, 10) {
			isn = -uint32(r.IntN(2000)) // numbers wrap early
		}
		k.tcp[i] = peer{isn: isn, next: isn}
	}
	if chance(r, 12) {
		k.stage, k.crossing = connected, false
		for i := range k.tcp {
			k.tcp[i].want = k.tcp[1-i].next
		}
	}
}

// next returns the next packet and who sends it.
func (k *talk) next(r *rand.Rand) (side int, p *naive.Packet) {
	p = &naive.Packet{Protocol: k.protocol, HopLimit: 64}
	if k.protocol == naive.TCP {
		side = k.segment(r, p)
	} else if k.heard[1] {
		side = r.IntN(2)
	}
	p.Src, p.Dst = k.address[side], k.address[1-side]
	switch {
	case k.query != 0:
		p.ID = k.port[0]
		if p.Type = k.query; side == 1 {
			p.Type = answerTo(k.query)
		}
	case k.protocol == naive.TCP, k.protocol == naive.UDP:
		p.SrcPort, p.DstPort = k.port[side], k.port[1-side]
	}
	return side, p
}

// answerTo is the type that answers a query.
func answerTo(query int) int {
	if query == 8 {
		return 0
	}
	return query + 1
}

// segment fills in a TCP segment and returns who sends it.
func (k *talk) segment(r *rand.Rand, p *naive.Packet) (side int) {
	if k.stage == ended && chance(r, 40) && (!k.lasts || chance(r, 10)) {
		k.reset(r)
	}
	if k.crossing && k.stage < connected {
		return k.cross(r, p)
	}
	say := func(flags naive.Flags) int {
		e := &k.tcp[side]
		p.Flags, p.Seq, p.Ack = flags, e.next, e.want
		return side
	}
	switch k.stage {
	case silent:
		k.tcp[0].next = k.tcp[0].isn
		return say(naive.SYN)
	case asked:
		if side = 1; chance(r, 8) {
			say(naive.RST | naive.ACK)
			p.Seq = 0
			return side
		}
		k.tcp[1].next = k.tcp[1].isn
		return say(naive.SYN | naive.ACK)
	case answered:
		if chance(r, 20) {
			p.Len = 1 + r.IntN(100)
		}
		return say(naive.ACK)
	}
	side = r.IntN(2)
	e := &k.tcp[side]
	n := r.IntN(100)
	if k.lasts && n >= 65 && n < 84 && chance(r, 75) { // most neither end nor reset it
		n = 12
	}
	switch {
	case n < 12 || e.fin:
		return say(naive.ACK)
	case n < 65:
		p.Len = 1 + r.IntN(100)
		return say(one(r, naive.ACK, naive.ACK|naive.PSH))
	case n < 80:
		return say(naive.FIN | naive.ACK)
	case n < 84:
		return say(one(r, naive.RST, naive.RST|naive.ACK))
	case n < 90: // keepalive
		say(naive.ACK)
		p.Seq--
	default: // once more
		say(naive.ACK)
		p.Seq -= 60
		p.Len = 1 + r.IntN(60)
	}
	return side
}

// cross is a handshake that both sides begin (RFC 9293 §3.5).
func (k *talk) cross(r *rand.Rand, p *naive.Packet) (side int) {
	side = r.IntN(2)
	e := &k.tcp[side]
	p.Seq, p.Flags = e.isn, naive.SYN
	if k.heard[side] && e.sent {
		p.Flags, p.Ack = naive.SYN|naive.ACK, k.tcp[1-side].isn+1
	}
	return side
}

// arrived is a packet of a side at the other one.
func (k *talk) arrived(side int, p *naive.Packet) {
	k.heard[1-side] = true
	if k.protocol != naive.TCP {
		return
	}
	from, to := &k.tcp[side], &k.tcp[1-side]
	if k.crossing && k.stage < connected {
		from.sent = true
		to.up = to.up || p.Flags&naive.ACK != 0
		if from.up && to.up {
			k.stage = connected
			for i := range k.tcp {
				k.tcp[i].next, k.tcp[i].want = k.tcp[i].isn+1, k.tcp[1-i].isn+1
			}
		}
		return
	}
	switch {
	case p.Flags&naive.RST != 0:
		k.stage = ended
		return
	case k.stage == silent && p.Flags == naive.SYN:
		k.stage = asked
		from.next, to.want = p.Seq+1, p.Seq+1
		return
	case k.stage == asked:
		k.stage = answered
		from.next, to.want = p.Seq+1, p.Seq+1
		return
	case k.stage == answered:
		k.stage = connected
	}
	if p.Seq != to.want {
		return
	}
	to.want += uint32(p.Len)
	if p.Flags&naive.FIN != 0 {
		to.want++
		from.fin = true
	}
	from.next = to.want
	if from.fin && to.fin {
		k.stage = ended
	}
}

// forge is a segment that one who knows the ports made up: with luck, or without.
func (k *talk) forge(r *rand.Rand, p *naive.Packet) *naive.Packet {
	q := *p
	q.Flags = one(r, naive.RST, naive.RST|naive.ACK, naive.SYN, naive.SYN, naive.ACK,
		naive.FIN|naive.ACK, naive.SYN|naive.ACK,
		0, naive.FIN, naive.SYN|naive.FIN, naive.SYN|naive.RST, naive.URG|naive.ACK, 63)
	luck := func(n uint32) uint32 {
		switch r.IntN(4) {
		case 0:
			return n
		case 1:
			return n + uint32(r.IntN(5)) - 2
		}
		return r.Uint32()
	}
	q.Seq, q.Ack = luck(q.Seq), luck(q.Ack)
	if q.Flags&naive.SYN == 0 && chance(r, 30) {
		q.Len = r.IntN(50)
	}
	return &q
}
