package naive

import (
	"net/netip"
	"time"
)

// The idle timers that nobody sets: TCP's and ICMP's are those of Linux (§12),
// that of other protocols is AWS's (T10).
const (
	timeSynSent  = 120 * time.Second
	timeSynRecv  = 60 * time.Second
	timePickup   = 300 * time.Second
	timeFinWait  = 120 * time.Second
	timeLastAck  = 30 * time.Second
	timeTimeWait = 120 * time.Second
	timeClose    = 10 * time.Second
	timeQuery    = 30 * time.Second
	timeOther    = 600 * time.Second
	// timeUnacknowledged is the most while data waits for its acknowledgement.
	timeUnacknowledged = 300 * time.Second
)

// flow is what is remembered of packets that passed: at one place, by five-tuple,
// ICMP by identifier (T9), other protocols by addresses alone (T10).
type flow struct {
	place place

	// untracked: it makes no packet pass (T6). revoked: it makes them drop.
	untracked, revoked bool

	opener   Direction
	protocol int
	src, dst end // of the packet that opened it
	query    int // ICMP: the type that asks

	until time.Duration // it lives up to and including this moment

	rounds rounds // UDP
	tcp    tcp
}

// place is where a flow belongs: to one interface, or to those that share a scope
// (T26). Under the other mode somebody else is protected, and nothing holds.
type place struct {
	device, scope string
	guest         bool
}

func (n *Interface) place(device string) place {
	if n.Scope != "" {
		return place{scope: n.Scope, guest: n.Guest}
	}
	return place{device: device, guest: n.Guest}
}

// end is an address with what stands for a port.
type end struct {
	address netip.Addr
	port    int
}

// ends returns what a packet goes between. A query has its identifier on the side
// that asks.
func ends(p *Packet) (src, dst end) {
	src, dst = end{p.Src, 0}, end{p.Dst, 0}
	if _, answer, ok := p.query(); ok && answer {
		dst.port = p.ID
	} else if ok {
		src.port = p.ID
	}
	if p.isTCP() || p.isUDP() {
		src.port, dst.port = p.SrcPort, p.DstPort
	}
	return src, dst
}

// answersItself reports whether the packet goes from one end to the same: it looks
// like its own answer, so it is left to the rules (the project's decision).
func (p *Packet) answersItself() bool {
	src, dst := ends(p)
	_, _, isQuery := p.query()
	return src == dst && !isQuery
}

// find returns the live flow that a packet belongs to, nil if there is none. What
// has run out is forgotten.
func (m *Machine) find(n *Interface, device string, d Direction, p *Packet) *flow {
	if !p.hasFlow() {
		return nil
	}
	src, dst := ends(p)
	query, answer, isQuery := p.query()
	if p.answersItself() {
		return nil
	}
	var live []*flow
	var found *flow
	for _, f := range m.flows {
		if m.Now > f.until {
			continue
		}
		live = append(live, f)
		if f.place != n.place(device) || f.protocol != p.Protocol || f.query != query {
			continue
		}
		forth := d == f.opener && src == f.src && dst == f.dst
		back := d != f.opener && src == f.dst && dst == f.src
		if isQuery {
			// Who asks and who answers is fixed.
			forth, back = forth && !answer, back && answer
		}
		if forth || back {
			found = f
		}
	}
	m.flows = live
	return found
}

// begins reports whether a packet that the rules permit opens a flow: a SYN or,
// met in the middle of a connection, a plain ACK (T22); of queries the asking one.
// Everything else with odd flags passes and leaves no trace (T27).
func begins(p *Packet) bool { return p.asksForFlow() && !p.answersItself() }

// asksForFlow is begins, for a packet that may be its own answer, too.
func (p *Packet) asksForFlow() bool {
	if !p.hasFlow() {
		return false
	}
	if p.isTCP() {
		return p.Flags.opening() || p.Flags.sane() && p.Flags.has(ACK) && p.Flags&(SYN|RST|FIN) == 0
	}
	_, answer, _ := p.query()
	return !answer
}

func begin(n *Interface, device string, now time.Duration, d Direction, p *Packet) *flow {
	f := &flow{place: n.place(device), opener: d, protocol: p.Protocol}
	f.src, f.dst = ends(p)
	f.query, _, _ = p.query()
	f.rounds.requests = 1
	if p.isTCP() {
		f.tcp.begin(d, p)
	}
	f.until = now + f.timer(n)
	return f
}

// timer is how long the flow may be idle now, by the timers that its interface has
// now (T11, T20).
func (f *flow) timer(n *Interface) time.Duration {
	switch {
	case f.protocol == TCP && f.untracked:
		// Longer than TCP waits before it sends again what nobody acknowledged, or the
		// answers of a connection that was cut would begin another (the project's
		// decision).
		return f.tcp.timer(&Interface{
			Established: max(n.Established, timePickup), HalfClosed: max(n.HalfClosed, timePickup),
		})
	case f.protocol == TCP:
		return f.tcp.timer(n)
	case f.protocol == UDP && f.rounds.stream():
		return n.Stream
	case f.protocol == UDP:
		return n.UDP
	case f.query != 0:
		return timeQuery
	}
	return timeOther
}

// leavesToRules reports whether the packet, though it is the flow's, is one that
// rules have to permit: a SYN, and flags that make no sense.
func (f *flow) leavesToRules(d Direction, p *Packet) bool {
	return f.revoked || p.isTCP() && f.tcp.leavesToRules(f.opener, d, p)
}

// goesOn moves the flow by one of its packets, and starts its timer anew.
func (f *flow) goesOn(n *Interface, now time.Duration, d Direction, p *Packet) {
	anew := true
	switch {
	case p.isTCP():
		opener := f.opener
		if anew = f.tcp.goesOn(&f.opener, d, p); f.opener != opener {
			f.src, f.dst = f.dst, f.src
		}
	case p.isUDP():
		f.rounds.count(d == f.opener)
	}
	if anew {
		f.until = now + f.timer(n)
	}
}

// passedByRules remembers a packet that was left to the rules.
func (f *flow) passedByRules(d Direction, p *Packet) {
	if p.isTCP() {
		f.tcp.passedByRules(d, p)
	}
}

// over reports whether the flow makes room for a new one of the same tuple.
func (f *flow) over() bool { return f.revoked || f.protocol == TCP && f.tcp.over() }

// beginsAnew reports whether a packet of a revoked flow asks for another: a SYN, or
// without TCP one of the side that opened it.
func (f *flow) beginsAnew(d Direction, p *Packet) bool {
	if p.isTCP() {
		return p.Flags.opening()
	}
	return d == f.opener
}

// rounds counts the exchanges of a UDP flow: a round is a request and what answers
// it.
type rounds struct {
	requests, answers int
}

func (r *rounds) count(request bool) {
	switch {
	case request:
		r.requests++ // which may be before the one before it is answered
	case r.answers < r.requests:
		r.answers++
	}
}

// stream reports whether there was more than one request with its answer (§3.3).
func (r *rounds) stream() bool { return r.answers >= 2 }
