package learn

import (
	"net/netip"
	"time"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/learn"
)

// Seen is a packet of which a copy came.
type Seen struct {
	At   time.Time
	Hook filter.Hook
	// In and Out are watched devices, "" for others.
	In, Out string
	Packet  *packet.Packet
}

// settling is how long after the beginning a UDP packet may be the answer to a question that
// nobody saw: the longest idle time of UDP in AWS (§3.3).
const settling = 180 * time.Second

// privileged is the first port that anybody may take; below are those of servers.
const privileged = 1024

// ephemeral is the first port that the kernel gives to those who ask for any, unless it is
// told otherwise.
const ephemeral = 32768

// Skipped counts what is not in the record.
type Skipped struct {
	// Unanswered are the conversations that others tried to begin and that nobody here answered,
	// by first packets.
	Unanswered uint64
	// Unread are packets whose headers could not be read.
	Unread uint64
	// Guessed are conversations that were there before, and of which it is not known who
	// began them; the lower port counts as the server's.
	Guessed uint64
}

// Tracker tells the first packets of conversations from their answers, and adds the
// conversations that work to a record. Its memory is bounded: the oldest conversations are
// forgotten first, and count anew when they go on. Make one with [NewTracker]; it is for
// one goroutine.
type Tracker struct {
	record  *learn.Record
	begin   time.Time
	view    *View
	flows   generations
	skipped Skipped
	// waiting are conversations of this machine's processes of which the process is not known
	// yet.
	waiting []learn.Sighting
	ends    []conversation
}

// conversation is two ends, the lower one first; ports are 0 where there are none.
type conversation struct {
	protocol uint8
	a, b     netip.AddrPort
}

// flow is what is known of a conversation.
type flow struct {
	aOpened bool
	// asked and answered are true once the side that began, and the other one, were heard.
	asked, answered bool
	live            bool // it was there before its first packet was seen
	guessed         bool // nobody knows who began it
	// crossings are the services that its first packet came by, to be counted once that is
	// due: at most two devices, in and out.
	crossings []learn.Sighting
	counted   bool
}

// NewTracker returns a tracker that adds to a record what it sees from begin on.
func NewTracker(r *learn.Record, begin time.Time) *Tracker {
	return &Tracker{record: r, begin: begin, view: &View{}}
}

// Look is what the tracker goes by from now on.
func (t *Tracker) Look(v *View) {
	t.view = v
	t.resolve()
}

// Skipped is what the record does not have.
func (t *Tracker) Skipped() Skipped {
	s := t.skipped
	s.Unanswered += t.flows.forgotten
	t.flows.each(func(_ conversation, f *flow) {
		if !f.counted && len(f.crossings) > 0 {
			s.Unanswered++
		}
	})
	return s
}

// Packet takes a packet in.
func (t *Tracker) Packet(s Seen) {
	p := s.Packet
	if !t.matters(&s) {
		return
	}
	src, dst := ends(p)
	key, srcIsA := between(p.Proto, src, dst)
	if p.Kind == packet.KindTCP && p.TCP.Flags&conntrack.RST != 0 {
		return // it ends or refuses something, and teaches nothing
	}
	f := t.flows.get(key)
	begins := p.Kind == packet.KindTCP && p.TCP.Flags&(conntrack.SYN|conntrack.ACK) == conntrack.SYN
	switch {
	case f == nil:
		f = t.meets(&s, key, src, dst, srcIsA)
		t.flows.put(key, f)
	case begins && (f.answered || f.aOpened != srcIsA):
		t.abandon(f)
		*f = flow{aOpened: srcIsA} // the same ports once more
	}
	if f.aOpened == srcIsA {
		f.asked = true
		t.forward(&s, f, key)
		return
	}
	f.answered = true
	if f.live && len(f.crossings) == 0 {
		t.mirror(&s, f)
	}
	if f.asked {
		t.count(f, key)
	}
}

// meets is a conversation by its first packet that is seen.
func (t *Tracker) meets(s *Seen, key conversation, src, dst netip.AddrPort, srcIsA bool) *flow {
	f := &flow{live: s.Packet.Kind == packet.KindTCP && s.Packet.TCP.Flags&conntrack.SYN == 0}
	f.aOpened = t.opened(s, f, key, src, dst) == srcIsA
	if f.live {
		// A segment in the middle tells that both sides talk if this machine sends it, or sockets
		// or the kernel know the connection. Else anybody may have made it up, as scans do with
		// ACK, FIN or no flag at all: then both sides have to be heard.
		_, known := t.view.began(key)
		f.asked = known || s.Hook == filter.HookOutput
		f.answered = f.asked
	}
	return f
}

// mirror takes the way of a conversation from a packet of the side that answers, where that
// is the first one seen.
func (t *Tracker) mirror(s *Seen, f *flow) {
	p := s.Packet
	service := func(device string, d policy.Direction) learn.Service {
		return learn.Service{Device: device, Direction: d, Protocol: policy.Protocol(p.Proto),
			From: int(p.SrcPort), To: int(p.SrcPort)}
	}
	if s.Out != "" {
		f.crossings = append(f.crossings, learn.Sighting{At: s.At, Peer: p.Dst.Netip(), Live: true,
			Service: service(s.Out, policy.Ingress)})
	}
	if s.In != "" {
		f.crossings = append(f.crossings, learn.Sighting{At: s.At, Peer: p.Src.Netip(), Live: true,
			Service: service(s.In, policy.Egress)})
	}
}

// ends are the two ends of a conversation as its packets have them, the sender first. Other
// protocols have no ports. Of ICMP the side that answers has a number, so that two machines
// which ping each other have two conversations.
func ends(p *packet.Packet) (src, dst netip.AddrPort) {
	var from, to uint16
	switch p.Kind {
	case packet.KindTCP, packet.KindUDP:
		from, to = p.SrcPort, p.DstPort
	case packet.KindICMP, packet.KindICMPv6:
		if p.IsReply() {
			from = answering
		} else {
			to = answering
		}
	}
	return netip.AddrPortFrom(p.Src.Netip(), from), netip.AddrPortFrom(p.Dst.Netip(), to)
}

// answering stands for the port of the side that answers a query of ICMP.
const answering = 1

// matters reports whether a packet can be one of a conversation that rules decide about.
func (t *Tracker) matters(s *Seen) bool {
	p := s.Packet
	switch p.Kind {
	case packet.KindFragment:
		return false // the first one tells
	case packet.KindICMP, packet.KindICMPv6:
		// Of ICMP queries begin something. Errors go with flows, and the rest is the link's.
		if !p.Trackable() {
			return false
		}
	}
	switch s.Hook {
	case filter.HookInput:
		// The machine's own multicast comes back to it.
		return s.In != "" && !t.view.own[p.Src.Netip()] &&
			filter.FailsafeOf(p, conntrack.Ingress) == policy.NoFailsafe
	case filter.HookOutput:
		return s.Out != "" && filter.FailsafeOf(p, conntrack.Egress) == policy.NoFailsafe
	}
	return s.In != "" || s.Out != ""
}

// opened reports whether the sender of the first packet of a conversation that is seen began
// it.
func (t *Tracker) opened(s *Seen, f *flow, key conversation, src, dst netip.AddrPort) bool {
	p := s.Packet
	if p.Kind == packet.KindTCP && p.TCP.Flags&conntrack.SYN != 0 {
		return p.TCP.Flags&conntrack.ACK == 0
	}
	if p.Kind != packet.KindTCP && p.Kind != packet.KindUDP {
		return !p.IsReply()
	}
	if began, known := t.view.began(key); known {
		return began == src
	}
	if p.Kind == packet.KindUDP {
		answer := s.At.Sub(t.begin) < settling && src.Port() < privileged && dst.Port() >= privileged &&
			(dst.Port() >= ephemeral || !t.view.listens(p.Proto, dst))
		return !answer
	}
	switch {
	case s.Hook == filter.HookInput && t.view.listens(p.Proto, dst):
		return true
	case s.Hook == filter.HookOutput && t.view.listens(p.Proto, src):
		return false
	}
	f.guessed = true
	return src.Port() > dst.Port()
}

// forward takes in a packet of the side that began.
func (t *Tracker) forward(s *Seen, f *flow, key conversation) {
	p, known := s.Packet, len(f.crossings)
	add := func(device string, d policy.Direction, peer conntrack.Addr) {
		if device == "" {
			return
		}
		sighting := learn.Sighting{Service: serviceOf(p, device, d), Peer: peer.Netip(), At: s.At,
			Live: f.live}
		for i := range f.crossings {
			if f.crossings[i].Service == sighting.Service {
				f.crossings[i].At = s.At
				return
			}
		}
		f.crossings = append(f.crossings, sighting)
	}
	add(s.In, policy.Ingress, p.Src)
	add(s.Out, policy.Egress, p.Dst)
	if known > 0 && f.counted {
		for _, c := range f.crossings {
			c.Again = true
			t.record.Add(c)
		}
		return
	}
	// What this machine itself begins counts by itself, and so does what it is sent and waits
	// for: UDP needs no answer. Other conversations do once they are answered; else a scan of
	// ports would be a policy.
	switch {
	case s.Hook == filter.HookOutput,
		s.Hook == filter.HookInput && p.Kind == packet.KindUDP &&
			t.view.listens(p.Proto, netip.AddrPortFrom(p.Dst.Netip(), p.DstPort)),
		s.Hook == filter.HookInput && p.Kind == packet.KindOther,
		f.answered:
		t.count(f, key)
	}
}

// count adds a conversation to the record, once.
func (t *Tracker) count(f *flow, key conversation) {
	if f.counted || len(f.crossings) == 0 {
		return
	}
	f.counted = true
	if f.guessed {
		t.skipped.Guessed++
	}
	for _, c := range f.crossings {
		if c.Process = t.view.process(key); c.Process != "" || !t.view.ours(key) ||
			len(t.waiting) >= maxWaiting {
			t.record.Add(c)
			continue
		}
		t.waiting, t.ends = append(t.waiting, c), append(t.ends, key)
	}
}

// maxWaiting bounds the conversations whose process is looked for.
const maxWaiting = 4096

// Wants reports whether a look at the sockets would tell of whom a conversation is.
func (t *Tracker) Wants() bool { return len(t.waiting) > 0 }

// resolve adds the conversations that waited for a look at the sockets.
func (t *Tracker) resolve() {
	for i, c := range t.waiting {
		c.Process = t.view.process(t.ends[i])
		t.record.Add(c)
	}
	t.waiting, t.ends = t.waiting[:0], t.ends[:0]
}

// abandon counts a conversation that makes room.
func (t *Tracker) abandon(f *flow) {
	if !f.counted && len(f.crossings) > 0 {
		t.skipped.Unanswered++
	}
}

// between is the conversation of two ends, and whether the first of them is its a.
func between(protocol uint8, x, y netip.AddrPort) (conversation, bool) {
	if x.Compare(y) <= 0 {
		return conversation{protocol, x, y}, true
	}
	return conversation{protocol, y, x}, false
}

// serviceOf is the service that a first packet asks for.
func serviceOf(p *packet.Packet, device string, d policy.Direction) learn.Service {
	s := learn.Service{Device: device, Direction: d, Protocol: policy.Protocol(p.Proto), From: -1,
		To: -1}
	switch p.Kind {
	case packet.KindTCP, packet.KindUDP:
		s.From, s.To = int(p.DstPort), int(p.DstPort)
	case packet.KindICMP, packet.KindICMPv6:
		s.From, s.To = int(p.ICMPType), int(p.ICMPCode)
	}
	return s
}
