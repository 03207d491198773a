package conntrack

import (
	"testing"
	"time"

	"sgfw/test/parity"
)

// TestResetMakesRoom: a flow that a RST may have ended goes before connections that are
// open, and one that goes on does not.
func TestResetMakesRoom(t *testing.T) {
	s := newScript(t)
	s.play(
		step{in, SYN, 100, 0, 0, OutcomeRules, StateSynSent, fresh},
		step{out, SYN | ACK, 900, 101, 0, OutcomeMember, StateSynRecv, fresh},
		step{in, ACK, 101, 901, 0, OutcomeMember, StateEstablished, fresh})
	s.offload()
	s.play(step{in, RST, 5, 0, 0, OutcomeMember, StateReset, fresh})
	if n := s.table.kinds[queueClosed].committed.Load(); n != 1 {
		t.Fatalf("%d flows make room, want the one that was reset", n)
	}
	for _, d := range []Direction{in, out} {
		s.credit(d, seen) // may be from before the RST
		s.is(StateReset, s.tmo.Established)
	}
	s.credit(out, seen)
	if n := s.table.kinds[queueClosed].committed.Load(); n != 0 {
		t.Fatalf("%d flows make room, want none: the machine goes on", n)
	}
	s.is(StateEstablished, s.tmo.Established)
}

// TestReopenedAfterReset: between the ports of a flow that a RST came in for the machine may
// open another one at once, and so may the outside if the machine answers it.
func TestReopenedAfterReset(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []step
		state State
		timer time.Duration
	}{
		{"by the machine", []step{
			{out, SYN, 7000, 0, 0, OutcomeReopen, StateSynSent, fresh},
			{in, SYN | ACK, 8000, 7001, 0, OutcomeMember, StateSynRecv, fresh},
			{out, ACK, 7001, 8001, 0, OutcomeMember, StateEstablished, fresh}},
			StateEstablished, DefaultTimeouts().Established},
		{"from outside, nobody answers", []step{
			{in, SYN, 7000, 0, 0, OutcomeRules, StateReset, kept}},
			StateReset, DefaultTimeouts().Established - time.Second},
		{"from outside", []step{
			{in, SYN, 7000, 0, 0, OutcomeRules, StateReset, kept},
			{out, SYN | ACK, 8000, 7001, 0, OutcomeMember, StateSynRecv, fresh},
			{in, ACK, 7001, 8001, 0, OutcomeMember, StateEstablished, fresh}},
			StateEstablished, DefaultTimeouts().Established},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t)
			s.play(
				step{out, SYN, 100, 0, 0, OutcomeRules, StateSynSent, fresh},
				step{in, SYN | ACK, 900, 101, 0, OutcomeMember, StateSynRecv, fresh},
				step{out, ACK, 101, 901, 0, OutcomeMember, StateEstablished, fresh})
			s.offload()
			s.play(step{in, RST, 5, 0, 0, OutcomeMember, StateReset, fresh})
			s.play(c.steps...)
			s.is(c.state, c.timer)
		})
	}
}

// TestReset ends a flow that a RST came in for, and none that went on since or never was.
func TestReset(t *testing.T) {
	parity.Proves(t, "offload reset")
	s := newScript(t)
	if s.table.Reset(&s.tuple, s.now) {
		t.Error("what is not there was ended")
	}
	s.play(
		step{in, SYN, 100, 0, 0, OutcomeRules, StateSynSent, fresh},
		step{out, SYN | ACK, 900, 101, 0, OutcomeMember, StateSynRecv, fresh},
		step{in, ACK, 101, 901, 0, OutcomeMember, StateEstablished, fresh})
	s.offload()
	if s.table.Reset(&s.tuple, s.now) {
		t.Error("a flow without a RST was ended")
	}
	rst := step{in, RST, 5, 0, 0, OutcomeMember, StateReset, fresh}
	s.play(rst, step{out, ACK, 80000, 70001, 0, OutcomeMember, StateEstablished, fresh})
	if s.table.Reset(&s.tuple, s.now) {
		t.Error("a flow that went on was ended")
	}
	s.play(rst)
	if !s.table.Reset(&s.tuple, s.now) || s.table.Reset(&s.tuple, s.now) {
		t.Error("a flow that a RST came in for is ended once")
	}
	s.is(StateClose, TimeoutClose)
	if st := s.table.Stats(); st.ClosedRST != 1 || s.table.kinds[queueClosed].committed.Load() != 1 {
		t.Errorf("%d connections ended by a RST, %d make room, want one", st.ClosedRST,
			s.table.kinds[queueClosed].committed.Load())
	}
}

// TestSuccessorIsCarried: what takes the place of a flow that the kernel carries, between the
// same ports, is carried as well, though nobody offered it. So its numbers pass unseen, and a
// RST that the machine sends ends it whatever its number.
func TestSuccessorIsCarried(t *testing.T) {
	for _, c := range []struct {
		name  string
		first []step
	}{
		{"after an end", []step{
			{out, RST, 101, 0, 0, OutcomeMember, StateClose, fresh},
			{out, SYN, 7000, 0, 0, OutcomeReopen, StateSynSent, fresh}}},
		{"in its middle", []step{{out, SYN, 7000, 0, 0, OutcomeRules, StateEstablished, kept}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t)
			s.play(
				step{out, SYN, 100, 0, 0, OutcomeRules, StateSynSent, fresh},
				step{in, SYN | ACK, 900, 101, 0, OutcomeMember, StateSynRecv, fresh},
				step{out, ACK, 101, 901, 0, OutcomeMember, StateEstablished, fresh})
			s.offload()
			s.play(c.first...)
			s.play(
				step{in, SYN | ACK, 8000, 7001, 0, OutcomeMember, StateSynRecv, fresh},
				step{out, ACK, 7001, 8001, 0, OutcomeMember, StateEstablished, fresh},
				// Megabytes pass unseen.
				step{out, RST, 7001 + 5<<20, 0, 0, OutcomeMember, StateClose, fresh},
				step{out, SYN, 9000, 0, 0, OutcomeReopen, StateSynSent, fresh})
		})
	}
}
