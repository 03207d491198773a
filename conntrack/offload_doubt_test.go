package conntrack

import (
	"testing"
	"time"
)

// TestCountedTooOften: the kernel counts a packet that begins a flow as an answer to itself,
// each time that the flow is given to it. What opens a connection, again and again or in place
// of one that ended, never proves it; data that is told of later does.
func TestCountedTooOften(t *testing.T) {
	syn := step{in, SYN, 100, 0, 0, OutcomeMember, StateSynSent, kept}
	meta := tcpPacket(in, SYN, 100, 0)
	meta.Bytes = 100 // with data
	for _, c := range []struct {
		name string
		run  func(s *script)
	}{
		{"the same SYN many times", func(s *script) {
			for range owedPause {
				s.offer(&meta, false)
				s.now = s.now.Add(time.Second)
			}
			s.offer(&meta, true)
		}},
		{"a SYN after a RST of its sender", func(s *script) {
			s.play(step{in, RST, 101, 0, 0, OutcomeMember, StateClose, fresh},
				step{in, SYN, 100, 0, 0, OutcomeReopen, StateSynSent, fresh})
			s.offer(&meta, true)
		}},
		{"a SYN with another number", func(s *script) {
			s.play(step{in, SYN, 500, 0, 0, OutcomeRules, StateSynSent, kept})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t)
			s.play(step{in, SYN, 100, 0, 0, OutcomeRules, StateSynSent, fresh})
			s.offer(&meta, true)
			c.run(s)
			for _, d := range []Direction{in, out} {
				s.credit(d, Seen{Packets: 2, Bytes: 2 * uint64(meta.Bytes)})
			}
			s.play(syn)
			if n := s.table.kinds[queueHalfOpen].committed.Load(); n != 1 {
				t.Fatal("it is safe from eviction, and nobody has answered")
			}
			s.credit(out, seen)
			s.is(StateEstablished, s.tmo.Established)
		})
	}
}

// TestBurstIsNoAnswer: datagrams that waited for a verdict together look like no answer,
// whatever the kernel counts of them.
func TestBurstIsNoAnswer(t *testing.T) {
	s := newScript(t)
	s.tuple = NewTuple(1, Ingress, ProtoUDP, s.tuple.Remote, s.tuple.Local, 50000, 53)
	p := udpPacket(in)
	var kernel Seen
	for range 200 {
		e := s.table.Lock(&s.tuple, s.now)
		if f := e.Flow(); f == nil {
			e.Insert(&p, 7, &s.tmo, s.now)
		} else {
			e.Update(&p, f.Assess(&p), &s.tmo, s.now)
		}
		if e.Offload(&p, s.now) {
			kernel.Packets, kernel.Bytes = kernel.Packets+1, kernel.Bytes+uint64(p.Bytes)
		}
		e.Unlock()
	}
	s.credit(in, kernel)
	s.credit(out, kernel)
	s.is(StateUnreplied, s.tmo.UDP)
	e := s.table.Lock(&s.tuple, s.now)
	defer e.Unlock()
	if got := e.Flow().Info().Packets; got != [2]uint32{200, 0} {
		t.Errorf("counted %v packets", got)
	}
}

// TestCreditEndsNothing: what passed unseen after the end of a flow is counted and keeps
// nothing alive.
func TestCreditEndsNothing(t *testing.T) {
	s := newScript(t)
	s.play(step{in, SYN, 100, 0, 0, OutcomeRules, StateSynSent, fresh})
	s.offload()
	s.play(step{out, RST | ACK, 0, 101, 0, OutcomeMember, StateClose, fresh})
	s.now = s.now.Add(5 * time.Second)
	s.credit(in, seen)
	s.is(StateClose, TimeoutClose-5*time.Second)
	s.now = s.now.Add(TimeoutClose)
	s.credit(in, seen)
	if s.table.Lock(&s.tuple, s.now); s.table.Len() > 1 {
		t.Error("a credit brought the flow back")
	}
}
