package conntrack

import (
	"testing"
	"time"

	"sgfw/test/parity"
)

// seen are segments with data that passed unseen.
var seen = Seen{Packets: 3, Bytes: 3000}

// offload gives the script's flow to the kernel, which counts the packet that it begins with
// in both directions, and tells that. credit says what passed there.
func (s *script) offload() {
	s.Helper()
	p := tcpPacket(in, SYN, 100, 0)
	p.Bytes = 1500 // with data
	before := s.offer(&p, true)
	for _, d := range []Direction{in, out} {
		s.credit(d, Seen{Packets: 1, Bytes: 1500})
	}
	s.credit(out, Seen{Packets: 1, Bytes: 1500, Handshake: true})
	e := s.table.Lock(&s.tuple, s.now)
	defer e.Unlock()
	if after := e.Flow().Info(); after != before {
		s.Fatalf("a packet that was counted makes %+v of %+v", after, before)
	}
}

// offer asks whether the flow may be given to the kernel after a packet.
func (s *script) offer(p *PacketMeta, want bool) FlowInfo {
	s.Helper()
	e := s.table.Lock(&s.tuple, s.now)
	defer e.Unlock()
	if e.Flow().Carriage(&s.tmo, 0) == CarryNone {
		s.Fatalf("nothing to carry in %v", e.Flow().State())
	}
	if got := e.Offload(p, s.now); got != want {
		s.Fatalf("carried: %t, want %t", got, want)
	}
	return e.Flow().Info()
}

// TestOfferedOnce: a flow is not given to the kernel again before all has been told of it once,
// or many packets were judged all the same; what is told has the first packet too much.
func TestOfferedOnce(t *testing.T) {
	s := newScript(t)
	s.tuple = NewTuple(1, Ingress, ProtoUDP, s.tuple.Remote, s.tuple.Local, 50000, 53)
	p := udpPacket(in)
	p.Bytes = 700
	e := s.table.Lock(&s.tuple, s.now)
	e.Insert(&p, 7, &s.tmo, s.now)
	e.Unlock()
	s.offer(&p, true)
	s.offer(&p, false)
	s.credit(in, Seen{Packets: 1, Bytes: 700})
	s.offer(&p, false)
	s.is(StateUnreplied, s.tmo.UDP)
	s.credit(out, Seen{Packets: 2, Bytes: 1000})
	e = s.table.Lock(&s.tuple, s.now)
	if got := e.Flow().Info(); got.Packets != [2]uint32{1, 1} || got.Bytes != [2]uint64{700, 300} {
		t.Errorf("counted %v packets, %v bytes", got.Packets, got.Bytes)
	}
	e.Unlock()
	s.is(StateReplied, s.tmo.UDP)
	s.offer(&p, true)
	for range 100 {
		s.offer(&p, false)
	}
	for range owedPause - 1 {
		s.now = s.now.Add(time.Second)
		s.offer(&p, false)
	}
	s.now = s.now.Add(time.Second)
	s.offer(&p, true) // the kernel had no room for it
}

func (s *script) credit(d Direction, seen Seen) {
	e := s.table.Lock(&s.tuple, s.now)
	defer e.Unlock()
	e.Credit(d, seen, &s.tmo, s.now)
}

// is checks the state of the flow and how long it would live from now on.
func (s *script) is(state State, timer time.Duration) {
	s.Helper()
	e := s.table.Lock(&s.tuple, s.now)
	defer e.Unlock()
	if e.Flow() == nil {
		s.Fatalf("no flow, want %v", state)
	}
	info := e.Flow().Info()
	left := info.Expires.Sub(s.now)
	if info.State != state || left < timer || left > timer+2*Granularity {
		s.Fatalf("%v for %v, want %v for %v", info.State, left, state, timer)
	}
}

// TestOffloadedHandshake: a connection of which the SYN alone was seen.
func TestOffloadedHandshake(t *testing.T) {
	parity.Proves(t, "offload handshake", "offload full table")
	handshake := Seen{Packets: 1, Bytes: 60, Handshake: true}
	for _, c := range []struct {
		name string
		run  func(s *script)
	}{
		{"nothing more", func(s *script) { s.is(StateSynSent, TimeoutSynSent) }},
		{"the SYN-ACKs of a flood prove nothing", func(s *script) {
			s.credit(out, handshake)
			s.credit(out, handshake)
			s.is(StateSynSent, TimeoutSynSent)
		}},
		{"nor does what the opener sends", func(s *script) {
			s.credit(out, handshake)
			s.credit(in, seen)
			s.is(StatePickup, TimeoutPickup)
		}},
		{"acknowledgements of both prove nothing", func(s *script) {
			s.credit(out, handshake)
			s.credit(in, seen)
			s.credit(out, Seen{Packets: 5, Bytes: 5 * 52})
			s.is(StatePickup, TimeoutPickup)
			if s.table.kinds[queueHalfOpen].committed.Load() != 1 {
				t.Error("it is safe from eviction without a proof")
			}
		}},
		{"data of who answered proves it", func(s *script) {
			s.credit(out, handshake)
			s.credit(in, seen)
			s.credit(out, Seen{Packets: 5, Bytes: 5*52 + 1})
			s.is(StateEstablished, s.tmo.Established)
			if s.table.kinds[queueHalfOpen].committed.Load() != 0 {
				t.Error("it is not safe from eviction")
			}
		}},
		{"numbers that both acknowledge", func(s *script) {
			s.credit(in, seen)
			s.play(
				step{in, ACK, 5000, 9000, 100, OutcomeMember, StatePickup, fresh},
				step{out, ACK, 9000, 5100, 0, OutcomeMember, StateEstablished, fresh})
			s.is(StateEstablished, s.tmo.Established)
		}},
		{"numbers that one side made up", func(s *script) {
			s.play(
				step{in, ACK, 5000, 9000, 100, OutcomeMember, StatePickup, fresh},
				step{in, ACK, 5100, 9000, 100, OutcomeMember, StatePickup, fresh},
				step{out, ACK, 777000, 888000, 0, OutcomeMember, StatePickup, fresh})
		}},
		{"zeros of the side that was asked", func(s *script) {
			s.credit(in, seen)
			s.play(step{out, ACK, 0, 0, 0, OutcomeMember, StatePickup, fresh})
		}},
		{"small numbers of which one was made up", func(s *script) {
			s.credit(in, seen)
			s.play(
				step{in, ACK, 5000, 9000, 100, OutcomeMember, StatePickup, fresh},
				step{out, ACK, 9000, 4999, 0, OutcomeMember, StatePickup, fresh})
		}},
		{"ends of both", func(s *script) {
			s.play(
				step{in, FIN | ACK, 600, 2000, 0, OutcomeMember, StatePickup, fresh},
				step{out, FIN | ACK, 2000, 601, 0, OutcomeMember, StateLastAck, fresh},
				step{in, ACK, 601, 2001, 0, OutcomeMember, StateTimeWait, fresh})
		}},
		{"refused", func(s *script) {
			s.play(step{out, RST | ACK, 0, 101, 0, OutcomeMember, StateClose, fresh})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t)
			s.play(step{in, SYN, 100, 0, 0, OutcomeRules, StateSynSent, fresh})
			s.offload()
			c.run(s)
		})
	}
}

// TestOffloadedEnds: a connection that was seen to begin, and then not for long.
func TestOffloadedEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []step
		state State
		timer time.Duration // 0: the one of established connections
	}{
		{"data", []step{{in, ACK, 1 << 31, 1 << 30, 1000, OutcomeMember, StateEstablished, fresh}},
			StateEstablished, 0},
		{"a FIN that nobody acknowledges", []step{
			{in, FIN | ACK, 70000, 80000, 0, OutcomeMember, StateEstablished, fresh},
			{out, ACK, 80000, 60000, 100, OutcomeMember, StateEstablished, fresh}}, StateEstablished, 0},
		{"a FIN that is acknowledged", []step{
			{in, FIN | ACK, 70000, 80000, 0, OutcomeMember, StateEstablished, fresh},
			{out, ACK, 80000, 70001, 100, OutcomeMember, StateCloseWait, fresh}},
			StateCloseWait, DefaultTimeouts().HalfClosed},
		{"both ends", []step{
			{in, FIN | ACK, 70000, 80000, 0, OutcomeMember, StateEstablished, fresh},
			{out, FIN | ACK, 80000, 70001, 0, OutcomeMember, StateLastAck, fresh},
			{in, ACK, 70001, 80001, 0, OutcomeMember, StateTimeWait, fresh}},
			StateTimeWait, TimeoutTimeWait},
		{"a forged FIN, then the real ones", []step{
			{in, FIN | ACK, 1, 2, 0, OutcomeMember, StateEstablished, fresh},
			{out, FIN | ACK, 80000, 70000, 0, OutcomeMember, StateEstablished, fresh},
			{in, FIN | ACK, 70000, 80001, 0, OutcomeMember, StateLastAck, fresh},
			{out, ACK, 80001, 70001, 0, OutcomeMember, StateTimeWait, fresh}},
			StateTimeWait, TimeoutTimeWait},
		{"ends that cross", []step{
			{in, FIN | ACK, 70000, 80000, 0, OutcomeMember, StateEstablished, fresh},
			{out, FIN | ACK, 80000, 70000, 0, OutcomeMember, StateLastAck, fresh}},
			StateLastAck, TimeoutLastAck},
		{"ends that cross, of which one is acknowledged", []step{
			{out, FIN | ACK, 80000, 70000, 0, OutcomeMember, StateEstablished, fresh},
			{in, FIN | ACK, 70000, 80000, 0, OutcomeMember, StateLastAck, fresh},
			{out, ACK, 80001, 70001, 0, OutcomeMember, StateTimeWait, fresh}},
			StateTimeWait, TimeoutTimeWait},
		{"ends that cross behind data that is under way", []step{
			{in, FIN | ACK, 70000, 80000, 100, OutcomeMember, StateEstablished, fresh},
			{out, FIN | ACK, 80000 + crossingReach - 1, 70101 - crossingReach, 0, OutcomeMember,
				StateLastAck, fresh}}, StateLastAck, TimeoutLastAck},
		{"an end whose number does not fit", []step{
			{out, FIN | ACK, 80000, 70000, 0, OutcomeMember, StateEstablished, fresh},
			{in, FIN | ACK, 69999, 80000, 0, OutcomeMember, StateEstablished, fresh}},
			StateEstablished, 0},
		{"an end that begins too far behind", []step{
			{out, FIN | ACK, 80000, 70000, 0, OutcomeMember, StateEstablished, fresh},
			{in, FIN | ACK, 70000 + crossingReach, 80000, 0, OutcomeMember, StateEstablished, fresh}},
			StateEstablished, 0},
		{"an end that acknowledges too little", []step{
			{out, FIN | ACK, 80000, 70000, 0, OutcomeMember, StateEstablished, fresh},
			{in, FIN | ACK, 70000, 80000 - crossingReach, 0, OutcomeMember, StateEstablished, fresh}},
			StateEstablished, 0},
		{"an end that acknowledges too much", []step{
			{out, FIN | ACK, 80000, 70000, 0, OutcomeMember, StateEstablished, fresh},
			{in, FIN | ACK, 70000, 80002, 0, OutcomeMember, StateEstablished, fresh}},
			StateEstablished, 0},
		{"data after a FIN", []step{
			{in, FIN | ACK, 70000, 80000, 0, OutcomeMember, StateEstablished, fresh},
			{in, ACK, 70001, 80000, 10, OutcomeMember, StateEstablished, fresh},
			{out, ACK, 80000, 70001, 0, OutcomeMember, StateEstablished, fresh}}, StateEstablished, 0},
		{"a RST from outside ends nothing", []step{
			{in, RST, 70000, 0, 0, OutcomeMember, StateReset, fresh}}, StateReset, 0},
		{"nor if the machine goes on", []step{
			{in, RST, 70000, 0, 0, OutcomeMember, StateReset, fresh},
			{out, ACK, 80000, 70001, 0, OutcomeMember, StateEstablished, fresh}}, StateEstablished, 0},
		{"a RST of the machine itself does", []step{
			{out, RST | ACK, 80000, 70000, 0, OutcomeMember, StateClose, fresh}},
			StateClose, TimeoutClose},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t)
			s.play(
				step{in, SYN, 100, 0, 0, OutcomeRules, StateSynSent, fresh},
				step{out, SYN | ACK, 900, 101, 0, OutcomeMember, StateSynRecv, fresh},
				step{in, ACK, 101, 901, 0, OutcomeMember, StateEstablished, fresh})
			s.offload()
			s.play(c.steps...)
			if c.timer == 0 {
				c.timer = s.tmo.Established
			}
			s.is(c.state, c.timer)
		})
	}
}

// TestOffloadedDatagrams: what was carried makes the same of a flow as what was seen.
func TestOffloadedDatagrams(t *testing.T) {
	for _, c := range []struct {
		asked, answered uint64 // beside the first question
		state           State
		timer           time.Duration
	}{
		{0, 0, StateUnreplied, DefaultTimeouts().UDP},
		{5, 0, StateUnreplied, DefaultTimeouts().UDP},
		{0, 1, StateReplied, DefaultTimeouts().UDP},
		{1, 1, StateAsked, DefaultTimeouts().UDP},
		{1, 2, StateStream, DefaultTimeouts().UDPStream},
		{100, 100, StateStream, DefaultTimeouts().UDPStream},
	} {
		s := newScript(t)
		s.tuple = NewTuple(1, Ingress, ProtoUDP, s.tuple.Remote, s.tuple.Local, 50000, 53)
		e := s.table.Lock(&s.tuple, s.now)
		p := udpPacket(in)
		e.Insert(&p, 7, &s.tmo, s.now)
		e.Unlock()
		s.offload()
		s.now = s.now.Add(5 * time.Second)
		s.credit(in, Seen{Packets: c.asked, Bytes: 100 * c.asked})
		s.credit(out, Seen{Packets: c.answered, Bytes: 100*c.answered - c.answered})
		s.credit(out, Seen{Bytes: c.answered}) // which the kernel read later
		timer := c.timer
		if c.asked+c.answered == 0 {
			timer -= 5 * time.Second // nothing passed: the timer goes on
		}
		s.is(c.state, timer)
		e = s.table.Lock(&s.tuple, s.now)
		if got := e.Flow().Info(); got.Packets != [2]uint32{1 + uint32(c.asked), uint32(c.answered)} {
			t.Errorf("%d and %d packets counted, want %d and %d", got.Packets[in], got.Packets[out],
				1+c.asked, c.answered)
		} else if got.Bytes[out] != 100*c.answered {
			t.Errorf("counted %d bytes of answers, want %d", got.Bytes[out], 100*c.answered)
		}
		e.Unlock()
	}
}

// TestCarriedForAQuarter: a flow is given to the kernel for no longer than a quarter of its idle
// timer.
func TestCarriedForAQuarter(t *testing.T) {
	const proven = 30 * time.Second
	for _, c := range []struct {
		name   string
		class  Class
		state  State
		change func(*Timeouts)
		want   Carriage
	}{
		{"a stream", ClassUDP, StateStream, func(*Timeouts) {}, CarryProven},
		{"a stream, just", ClassUDP, StateStream,
			func(tmo *Timeouts) { tmo.UDPStream = 4 * proven }, CarryProven},
		{"a stream that is soon idle", ClassUDP, StateStream,
			func(tmo *Timeouts) { tmo.UDPStream = 4*proven - 1 }, CarryOpening},
		{"a connection", ClassTCP, StateEstablished, func(*Timeouts) {}, CarryProven},
		{"a connection that is soon idle", ClassTCP, StateEstablished,
			func(tmo *Timeouts) { tmo.Established = time.Minute }, CarryOpening},
		{"half of a connection", ClassTCP, StateCloseWait, func(*Timeouts) {}, CarryProven},
		{"half of a connection that is soon idle", ClassTCP, StateCloseWait,
			func(tmo *Timeouts) { tmo.HalfClosed = time.Minute }, CarryOpening},
		{"a new flow", ClassUDP, StateUnreplied, func(*Timeouts) {}, CarryOpening},
		{"a connection that has ended", ClassTCP, StateClose, func(*Timeouts) {}, CarryNone},
	} {
		tmo := DefaultTimeouts()
		c.change(&tmo)
		f := Flow{class: c.class, state: c.state}
		if got := f.Carriage(&tmo, proven); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
