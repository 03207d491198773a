package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// Traffic is what packets with one 5-tuple were that crossed one interface in one direction
// and had one fate: what a flow log makes a record of (F9).
type Traffic struct {
	TrafficKey
	Packets, Bytes uint64
	// First and Last are when the first and the last of them came, as exact as batches are.
	// Of those that the kernel carried it is when their count was read.
	First, Last conntrack.Time
	// Generation is the number of the ruleset that the first one was judged by.
	Generation uint64
	// Rule is what permitted the first one, or its flow; match.NoRule for none.
	Rule match.RuleNumber
	// Reason is the first one's.
	Reason Reason
	// TCPFlags are those of all of them, as flow logs have them: FIN 1, SYN 2, RST 4, and 18
	// for a SYN with an ACK (F5). 0 for other protocols.
	TCPFlags uint8
}

// TrafficKey tells traffic from other traffic. It is comparable.
type TrafficKey struct {
	// Tuple has ports of 0 where the protocol has none, ICMP too.
	Tuple conntrack.Tuple
	// Index is the number of the device.
	Index     uint32
	Direction conntrack.Direction
	Accepted  bool
}

// Add adds what came in another part of the same span.
func (t *Traffic) Add(o *Traffic) {
	if o.First < t.First {
		t.First, t.Generation, t.Rule, t.Reason = o.First, o.Generation, o.Rule, o.Reason
	}
	t.Last = max(t.Last, o.Last)
	t.Packets += o.Packets
	t.Bytes += o.Bytes
	t.TCPFlags |= o.TCPFlags
}

// Unrecorded is traffic of a device that found no room, of which only this is known.
type Unrecorded struct {
	Index          uint32
	Packets, Bytes uint64
}

const (
	// ledgerBits is the logarithm of the places of a ledger: 800 kB.
	ledgerBits = 13
	// ledgerHalf is from how many on a ledger is handed over.
	ledgerHalf = 1 << (ledgerBits - 1)
	// ledgerProbes is how many places one kind of traffic can have.
	ledgerProbes = 16
	// ledgerDevices is how many devices have a count of their own of what found no room.
	ledgerDevices = 64
)

// ledger has the traffic that one worker saw since it was emptied. It never grows.
type ledger struct {
	slots [1 << ledgerBits]Traffic // free where Packets is 0
	used  int
	// last is the place of the latest packet: most have the place of the one before.
	last *Traffic
	// full are those that found no place; the last one is for devices beyond the others.
	full  [ledgerDevices]Unrecorded
	fulls int
}

func newLedger() *ledger {
	l := new(ledger)
	l.last = &l.slots[0]
	return l
}

// clear empties the ledger.
func (l *ledger) clear() {
	clear(l.slots[:])
	clear(l.full[:l.fulls])
	l.used, l.fulls = 0, 0
}

// hash is keyed: strangers find no packets that share places.
func (k *TrafficKey) hash() uint64 {
	t, what := &k.Tuple, uint64(k.Index)<<32|uint64(k.Direction)<<1
	if k.Accepted {
		what |= 1
	}
	ports := uint64(t.LocalPort)<<48 | uint64(t.RemotePort)<<32 | uint64(t.Proto())
	return fold(fold(t.Local.Lo^keys[0], t.Local.Hi^keys[1])^fold(t.Remote.Lo^keys[2],
		t.Remote.Hi^keys[3]), fold(what^keys[1], ports^keys[2])^keys[3])
}

// place returns the entry of a key, nil where there is no room for it. A new one has no
// packets yet.
func (l *ledger) place(k *TrafficKey) *Traffic {
	if l.last.TrafficKey == *k && l.last.Packets != 0 {
		return l.last
	}
	h := k.hash() >> (64 - ledgerBits)
	for i := range uint64(ledgerProbes) {
		t := &l.slots[(h+i)%(1<<ledgerBits)]
		switch {
		case t.Packets == 0:
			t.TrafficKey = *k
			l.used++
			l.last = t
			return t
		case t.TrafficKey == *k:
			l.last = t
			return t
		}
	}
	return nil
}

// miss counts what found no place.
func (l *ledger) miss(index uint32, packets, bytes uint64) {
	i := 0
	for i < l.fulls && l.full[i].Index != index {
		i++
	}
	switch {
	case i < l.fulls:
	case i < ledgerDevices-1:
		l.full[i].Index = index
		l.fulls++
	default: // of no device in particular
		i = ledgerDevices - 1
		l.fulls = ledgerDevices
	}
	l.full[i].Packets += packets
	l.full[i].Bytes += bytes
}

// logged reports whether flow logs have packets with this reason: not what is exempt, nor
// what the machine's link cannot do without (F13, X1).
func (r Reason) logged() bool {
	return r != ReasonFailsafe && r != ReasonBridged && r.Exemption() == policy.NoExemption
}

// book enters the packet that a was asked about into the worker's ledger.
func (w *Worker) book(a *Attachment, d conntrack.Direction) {
	p, dec := &w.pkt, &w.decision
	if !dec.Reason.logged() {
		return
	}
	k := &w.key
	var src, dst uint16
	if p.Kind == packet.KindTCP || p.Kind == packet.KindUDP {
		src, dst = p.SrcPort, p.DstPort
	}
	k.Tuple.Set(a.Scope, d, p.Proto, p.Src, p.Dst, src, dst)
	k.Index, k.Direction, k.Accepted = a.at.Index, d, dec.Reason.Accepts()
	t := w.ledger.place(k)
	if t == nil {
		w.ledger.miss(k.Index, 1, uint64(p.Length))
		return
	}
	if t.Packets == 0 {
		w.begin(t, dec.Reason, dec.Rule)
	}
	t.Last = w.now
	t.Packets++
	t.Bytes += uint64(p.Length)
	if p.Kind == packet.KindTCP {
		t.TCPFlags |= loggedFlags(p.TCP.Flags)
	}
}

// bookCarried is book of what the kernel passed by itself: none of it began or ended a
// connection, but a SYN-ACK may be there.
func (w *Worker) bookCarried(a *Attachment, d conntrack.Direction, s conntrack.Seen, r Reason,
	rule match.RuleNumber) {
	if s.Packets == 0 && s.Bytes == 0 {
		return
	}
	k := &w.key
	k.Tuple, k.Index, k.Direction, k.Accepted = w.tuple, a.at.Index, d, true
	t := w.ledger.place(k)
	if t == nil {
		w.ledger.miss(k.Index, s.Packets, s.Bytes)
		return
	}
	if t.Packets == 0 {
		if s.Packets == 0 { // bytes of packets that were told before: the place stays free
			w.ledger.used--
			w.ledger.miss(k.Index, 0, s.Bytes)
			return
		}
		w.begin(t, r, rule)
	}
	t.Last = w.now
	t.Packets += s.Packets
	t.Bytes += s.Bytes
	if s.Handshake {
		t.TCPFlags |= loggedSYNACK
	}
}

// begin fills in what the first packet says.
func (w *Worker) begin(t *Traffic, r Reason, rule match.RuleNumber) {
	t.First, t.Generation, t.Reason, t.Rule = w.now, w.rs.generation, r, rule
	t.Bytes, t.TCPFlags = 0, 0
}

// loggedSYNACK is what a SYN with an ACK counts as.
const loggedSYNACK = uint8(conntrack.SYN | conntrack.ACK)

// loggedFlags are the flags of a segment as flow logs have them: an ACK without a SYN, and
// everything else, counts as none (F5).
func loggedFlags(f conntrack.TCPFlags) uint8 {
	out := f & (conntrack.FIN | conntrack.SYN | conntrack.RST)
	if f&(conntrack.SYN|conntrack.ACK) == conntrack.SYN|conntrack.ACK {
		out |= conntrack.ACK
	}
	return uint8(out)
}

// traffic calls visit for everything in the ledger.
func (l *ledger) traffic(visit func(*Traffic)) {
	for i := range l.slots {
		if l.slots[i].Packets != 0 {
			visit(&l.slots[i])
		}
	}
}
