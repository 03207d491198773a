package conntrack

import "testing"

// TestTCPSequences runs scripts of segments: what each one means for the flow, the state
// after it, and whether it restarts the timer.
func TestTCPSequences(t *testing.T) {
	const m, r = OutcomeMember, OutcomeRules
	est := StateEstablished
	for _, tc := range []struct {
		name  string
		after func(testing.TB) *script
		steps []step
	}{
		{"handshake", newScript, handshake},
		{"lost ACK, data proves the handshake", newScript, []step{
			handshake[0], handshake[1], request,
		}},
		{"SYN and SYN-ACK again do not refresh", newScript, []step{
			handshake[0],
			{in, SYN, 999, 0, 0, m, StateSynSent, kept},
			handshake[1],
			{in, SYN, 999, 0, 0, m, StateSynRecv, kept},
			{out, SYN | ACK, 4999, 1000, 0, m, StateSynRecv, kept},
			handshake[2],
		}},
		{"fast open: data in SYN, taken", newScript, []step{
			{in, SYN, 999, 0, 50, 0, StateSynSent, fresh},
			{out, SYN | ACK, 4999, 1050, 0, m, StateSynRecv, fresh},
			{in, SYN, 999, 0, 50, m, StateSynRecv, kept},
			{in, ACK, 1050, 5000, 0, m, est, fresh},
		}},
		{"fast open: data in SYN, not taken", newScript, []step{
			{in, SYN, 999, 0, 50, 0, StateSynSent, fresh},
			{out, SYN | ACK, 4999, 1000, 0, m, StateSynRecv, fresh},
			{in, ACK, 1000, 5000, 50, m, est, fresh},
		}},
		{"ACK of another number does not establish", newScript, []step{
			handshake[0], handshake[1],
			{in, ACK, 1000, 4999, 0, m, StateSynRecv, fresh},
			{in, ACK, 1000, 5001, 0, m, StateSynRecv, fresh},
			{in, ACK, 999, 5000, 0, m, StateSynRecv, fresh},
			{in, ACK, 1000 + reach, 5000, 0, m, StateSynRecv, fresh},
			handshake[2],
		}},
		{"ACK before any SYN-ACK does not establish", newScript, []step{
			handshake[0],
			{in, ACK, 1000, 5000, 0, m, StateSynSent, fresh},
			{out, ACK, 5000, 1000, 10, m, StateSynSent, fresh},
		}},
		{"one direction alone: what passes restarts the timer", newScript, []step{
			handshake[0],
			handshake[2].in(StateSynSent),
			request.in(StateSynSent),
			{in, SYN, 999, 0, 0, m, StateSynSent, kept},
			{in, ACK, 1100, 5200, 0, m, StateSynSent, fresh},
			{in, ACK | FIN, 1100, 5200, 0, m, StateSynSent, fresh},
			{in, RST, 77777, 0, 0, m, StateSynSent, kept},
		}},
		{"one direction alone after the SYN-ACK", newScript, []step{
			handshake[0], handshake[1],
			{out, ACK, 5000, 1000, 100, m, StateSynRecv, fresh},
			{out, ACK, 5100, 1000, 100, m, StateSynRecv, fresh},
			{out, SYN | ACK, 4999, 1000, 0, m, StateSynRecv, kept},
		}},
		{"stale SYN-ACK changes nothing", newScript, []step{
			handshake[0],
			{out, SYN | ACK, 777, 888, 0, m, StateSynSent, kept},
			{in, RST, 888, 0, 0, m, StateSynSent, kept},
			handshake[1], handshake[2],
		}},
		{"the later of two good SYN-ACKs counts (stateless server)", newScript, []step{
			handshake[0], handshake[1],
			{out, SYN | ACK, 6999, 1000, 0, m, StateSynRecv, kept},
			{in, ACK, 1000, 5000, 0, m, StateSynRecv, fresh},
			{in, ACK, 1000, 7000, 0, m, est, fresh},
		}},
		{"refused: RST acknowledges the SYN", newScript, []step{
			handshake[0],
			{out, RST | ACK, 0, 1001, 0, m, StateSynSent, kept},
			{out, RST, 0, 1000, 0, m, StateSynSent, kept},
			{out, RST | ACK, 0, 1000, 0, m, StateClose, fresh},
			{out, RST | ACK, 0, 1000, 0, m, StateClose, kept},
		}},
		{"given up by the opener", newScript, []step{
			handshake[0],
			{in, RST, 12345, 0, 0, m, StateSynSent, kept},
			{in, RST, 1000, 0, 0, m, StateClose, fresh},
		}},
		{"reset by the opener after the SYN-ACK", newScript, []step{
			handshake[0], handshake[1],
			{in, RST, 5000, 0, 0, m, StateSynRecv, kept},
			{in, RST, 1000, 0, 0, m, StateClose, fresh},
		}},
		{"reset by the server after its SYN-ACK", newScript, []step{
			handshake[0], handshake[1],
			{out, RST, 5001, 0, 0, m, StateSynRecv, kept},
			{out, RST, 5000, 0, 0, m, StateClose, fresh},
		}},
		{"simultaneous open", newScript, []step{
			{out, SYN, 999, 0, 0, 0, StateSynSent, fresh},
			{in, SYN, 4999, 0, 0, m, StateSynSent, kept},
			{out, SYN | ACK, 999, 5000, 0, m, StateSynSent, kept},
			{in, SYN | ACK, 4999, 1000, 0, m, est, fresh},
			{out, ACK, 1000, 5000, 0, m, est, fresh},
		}},
		{"simultaneous open, SYN-ACKs in the other order", newScript, []step{
			{out, SYN, 999, 0, 0, 0, StateSynSent, fresh},
			{in, SYN, 4999, 0, 0, m, StateSynSent, kept},
			{in, SYN | ACK, 4999, 1000, 0, m, StateSynRecv, fresh},
			{out, SYN | ACK, 999, 5000, 0, m, est, fresh},
		}},
		{"simultaneous open, we miss one SYN-ACK", newScript, []step{
			{out, SYN, 999, 0, 0, 0, StateSynSent, fresh},
			{in, SYN, 4999, 0, 0, m, StateSynSent, kept},
			{out, SYN | ACK, 999, 5000, 0, m, StateSynSent, kept},
			{in, ACK, 5000, 1000, 10, m, est, fresh},
		}},
		{"forged crossing SYN changes nothing", newScript, []step{
			{out, SYN, 999, 0, 0, 0, StateSynSent, fresh},
			{in, SYN, 66666, 0, 0, m, StateSynSent, kept},
			{in, RST, 66667, 0, 0, m, StateSynSent, kept},
			{in, SYN | ACK, 4999, 1000, 0, m, StateSynRecv, fresh},
			{out, ACK, 1000, 5000, 0, m, est, fresh},
		}},

		{"out-of-window RST leaves established", established, []step{
			{in, RST, 1099, 0, 0, m, est, kept},
			{in, RST, 1101, 0, 0, m, est, kept},
			{out, RST, 5201, 0, 0, m, est, kept},
			{out, RST | ACK, 5199, 1100, 0, m, est, kept},
			request,
		}},
		{"exact RST closes", established, []step{{in, RST, 1100, 0, 0, m, StateClose, fresh}}},
		{"exact RST of the other side closes", established, []step{
			{out, RST | ACK, 5200, 1100, 0, m, StateClose, fresh},
		}},
		{"RST at the other side's acknowledgement closes", established, []step{
			{in, ACK, 1100, 5200, 100, m, est, fresh}, // lost after us: the server still expects 1100
			{in, RST, 1100, 0, 0, m, StateClose, fresh},
		}},
		{"RST is accepted once closing, if exact", established, []step{
			{in, FIN | ACK, 1100, 5200, 0, m, StateFinWait, fresh},
			{in, RST, 1102, 0, 0, m, StateFinWait, kept},
			{in, RST, 1101, 0, 0, m, StateClose, fresh},
		}},
		{"challenge ACK passes; the RST that follows closes (RFC 5961)", established, []step{
			{in, RST, 1150, 0, 0, m, est, kept},
			{out, ACK, 5200, 1100, 0, m, est, fresh},
			{in, RST, 1100, 0, 0, m, StateClose, fresh},
		}},
		{"retransmission of acknowledged data passes", established, []step{
			request, response,
			{out, FIN | ACK, 5200, 1100, 0, m, StateFinWait, fresh}, // and nothing changed
		}},
		{"SYN-ACK again passes and does not refresh", established, []step{
			{out, SYN | ACK, 4999, 1000, 0, m, est, kept},
		}},
		{"keepalive", established, []step{
			{in, ACK, 1099, 5200, 0, m, est, fresh},
			{in, ACK, 1099, 5200, 1, m, est, fresh},
			{out, ACK, 5200, 1100, 0, m, est, fresh},
			{out, RST, 5200, 0, 0, m, StateClose, fresh},
		}},
		{"out-of-window data passes (T28) and changes nothing", established, []step{
			{in, ACK, 1100 + reach + 5, 5200, 10, m, est, fresh},
			{in, ACK, 0xc0000000 + 1100, 5200, 10, m, est, fresh},
			{in, RST, 1100 + reach + 15, 0, 0, m, est, kept},
			{in, RST, 1100, 0, 0, m, StateClose, fresh},
		}},

		{"close", established, []step{
			{in, FIN | ACK, 1100, 5200, 0, m, StateFinWait, fresh},
			{out, ACK, 5200, 1101, 0, m, StateCloseWait, fresh},
			{out, FIN | ACK, 5200, 1101, 0, m, StateLastAck, fresh},
			{in, ACK, 1101, 5201, 0, m, StateTimeWait, fresh},
			{out, ACK, 5201, 1101, 0, m, StateTimeWait, kept},
			{out, FIN | ACK, 5200, 1101, 0, m, StateTimeWait, fresh},
			{out, FIN | ACK, 5300, 1101, 0, m, StateTimeWait, kept},
			{in, RST, 1101, 0, 0, m, StateTimeWait, kept},
		}},
		{"close in three segments", established, []step{
			{in, FIN | ACK, 1100, 5200, 0, m, StateFinWait, fresh},
			{out, FIN | ACK, 5200, 1101, 0, m, StateLastAck, fresh},
			{in, ACK, 1101, 5201, 0, m, StateTimeWait, fresh},
		}},
		{"simultaneous close", established, []step{
			{in, FIN | ACK, 1100, 5200, 0, m, StateFinWait, fresh},
			{out, FIN | ACK, 5200, 1100, 0, m, StateLastAck, fresh},
			{in, ACK, 1101, 5201, 0, m, StateLastAck, fresh},
			{out, ACK, 5201, 1101, 0, m, StateTimeWait, fresh},
		}},
		{"half-closed and still sending", established, []step{
			{in, FIN | ACK, 1100, 5200, 0, m, StateFinWait, fresh},
			{out, ACK, 5200, 1101, 1000, m, StateCloseWait, fresh},
			{in, ACK, 1101, 6200, 0, m, StateCloseWait, fresh},
			{out, ACK, 6200, 1101, 1000, m, StateCloseWait, fresh},
			{out, FIN | ACK, 7200, 1101, 0, m, StateLastAck, fresh},
			{in, ACK, 1101, 7201, 0, m, StateTimeWait, fresh},
		}},
		{"FIN with data", established, []step{
			{in, FIN | ACK, 1100, 5200, 100, m, StateFinWait, fresh},
			{out, ACK, 5200, 1200, 0, m, StateFinWait, fresh},
			{out, ACK, 5200, 1201, 0, m, StateCloseWait, fresh},
		}},
		{"FIN after a gap counts once it is acknowledged", established, []step{
			{in, FIN | ACK, 1200, 5200, 0, m, est, fresh},
			{in, ACK, 1100, 5200, 100, m, est, fresh},
			{out, ACK, 5200, 1200, 0, m, est, fresh},
			{out, ACK, 5200, 1201, 0, m, StateCloseWait, fresh},
		}},
		{"FIN with a guessed number changes nothing", established, []step{
			{in, FIN | ACK, 33333, 5200, 0, m, est, fresh},
			{out, ACK, 5200, 1100, 0, m, est, fresh},
			{in, FIN | ACK, 500, 5200, 0, m, est, fresh},
			{in, ACK, 1100, 5200, 100, m, est, fresh},
			{out, ACK, 5200, 1200, 0, m, est, fresh},
		}},
		{"a FIN in the middle of the stream was forged", established, []step{
			{in, FIN | ACK, 1100, 5200, 0, m, StateFinWait, fresh},
			{in, ACK, 1100, 5200, 100, m, StateFinWait, fresh},
			{out, ACK, 5200, 1200, 0, m, est, fresh},
		}},
		{"impossible flags are left to the rules (T27)", established, []step{
			{in, 0, 1100, 0, 0, r, est, kept},
			{in, FIN, 1100, 0, 0, r, est, kept},
			{in, SYN | FIN, 1100, 0, 0, r, est, kept},
			{in, SYN | RST, 1100, 0, 0, r, est, kept},
			{in, FIN | RST | ACK, 1100, 5200, 0, r, est, kept},
			{in, FIN | PSH | URG, 1100, 0, 0, r, est, kept},
		}},

		{"SYN on a live flow is left to the rules and changes nothing", established, []step{
			{in, SYN, 7999, 0, 0, r, est, kept},
			{out, ACK, 5200, 1100, 0, m, est, fresh}, // the challenge
			request,
			{out, SYN, 7999, 0, 0, r, est, kept},
			request,
		}},
		{"lost state: a SYN that the other side accepts restarts the flow", established, []step{
			{in, SYN, 7999, 0, 0, r, est, kept},
			{out, SYN | ACK, 8999, 8001, 0, m, est, kept}, // not for this SYN
			{in, SYN | ACK, 8999, 8000, 0, m, est, kept},  // not by the other side
			{out, SYN | ACK, 8999, 8000, 0, m, StateSynRecv, fresh},
			{in, ACK, 8000, 9000, 0, m, est, fresh},
			{in, RST, 1100, 0, 0, m, est, kept}, // the old numbers are gone
			{in, RST, 8000, 0, 0, m, StateClose, fresh},
		}},
		{"a SYN that no stack sends claims nothing, even where the other side answers it", established,
			[]step{
				{in, SYN | FIN, 7999, 0, 0, r, est, kept},
				{out, SYN | ACK, 8999, 8000, 0, m, est, kept},
				{in, SYN | RST, 7999, 0, 0, r, est, kept},
				{out, SYN | ACK, 8999, 8000, 0, m, est, kept},
				{in, SYN | FIN | PSH | URG, 7999, 0, 0, r, est, kept},
				{out, SYN | ACK, 8999, 8000, 0, m, est, kept},
				{in, SYN | URG | PSH, 7999, 0, 0, r, est, kept}, // while this one does
				{out, SYN | ACK, 8999, 8000, 0, m, StateSynRecv, fresh},
			}},
		{"lost state at both ends, roles changed", established, []step{
			{out, SYN, 7999, 0, 0, r, est, kept},
			{in, SYN | ACK, 8999, 8000, 0, m, StateSynRecv, fresh},
			{out, ACK, 8000, 9000, 0, m, est, fresh},
		}},
		{"another SYN while the first waits", newScript, []step{
			handshake[0],
			{in, SYN, 7999, 0, 0, r, StateSynSent, kept},
			{out, SYN | ACK, 8999, 8000, 0, m, StateSynRecv, fresh},
			{in, ACK, 8000, 9000, 0, m, est, fresh},
		}},
		{"lost state, answered by a challenge, an exact RST and a new SYN", established, []step{
			{in, SYN, 7999, 0, 0, r, est, kept},
			{out, ACK, 5200, 1100, 0, m, est, fresh},
			{in, RST, 1100, 0, 0, m, StateClose, fresh},
			{in, SYN, 7999, 0, 0, OutcomeReopen, StateSynSent, fresh},
			{out, SYN | ACK, 8999, 8000, 0, m, StateSynRecv, fresh},
			{in, ACK, 8000, 9000, 0, m, est, fresh},
		}},
		{"tuple reuse in TIME_WAIT", established, []step{
			{in, FIN | ACK, 1100, 5200, 0, m, StateFinWait, fresh},
			{out, FIN | ACK, 5200, 1101, 0, m, StateLastAck, fresh},
			{in, ACK, 1101, 5201, 0, m, StateTimeWait, fresh},
			{in, SYN, 90000, 0, 0, OutcomeReopen, StateSynSent, fresh},
			{out, SYN | ACK, 70000, 90001, 0, m, StateSynRecv, fresh},
			{in, ACK, 90001, 70001, 0, m, est, fresh},
		}},
		{"tuple reuse in LAST_ACK, by the other side", established, []step{
			{in, FIN | ACK, 1100, 5200, 0, m, StateFinWait, fresh},
			{out, FIN | ACK, 5200, 1101, 0, m, StateLastAck, fresh},
			{out, SYN, 90000, 0, 0, OutcomeReopen, StateSynSent, fresh},
			{in, SYN | ACK, 70000, 90001, 0, m, StateSynRecv, fresh},
		}},

		{"pickup by data and its acknowledgement (T22)", newScript, []step{
			{in, ACK, 1000, 5000, 100, 0, StatePickup, fresh},
			{out, ACK, 5000, 1100, 0, m, est, fresh},
			{in, FIN | ACK, 1100, 5000, 0, m, StateFinWait, fresh},
		}},
		{"pickup while data of the other side is in flight", newScript, []step{
			{in, ACK, 1000, 5000, 0, 0, StatePickup, fresh},
			{out, ACK, 5400, 1000, 200, m, StatePickup, fresh},
			{in, ACK, 1000, 5200, 0, m, StatePickup, fresh},
			{in, ACK, 1000, 5600, 0, m, est, fresh},
			{out, RST, 5600, 0, 0, m, StateClose, fresh},
		}},
		{"pickup forged: the challenge does not confirm it", newScript, []step{
			{in, ACK, 33333, 44444, 100, 0, StatePickup, fresh},
			{out, ACK, 5000, 1000, 0, m, StatePickup, fresh},
			{in, ACK, 33433, 44444, 100, m, StatePickup, fresh},
			{out, ACK, 5000, 1000, 0, m, StatePickup, fresh},
			{in, ACK, 1000, 5000, 0, m, est, fresh}, // the real side
		}},
		{"pickup confirmed on one side only", newScript, []step{
			{in, ACK, 1000, 44444, 100, 0, StatePickup, fresh},
			{out, ACK, 5000, 1100, 0, m, StatePickup, fresh},
			{in, ACK, 1100, 44444, 100, m, StatePickup, fresh},
		}},
		{"pickup of a connection that does not exist", newScript, []step{
			{in, ACK, 1000, 5000, 100, 0, StatePickup, fresh},
			{out, RST, 5001, 0, 0, m, StatePickup, kept},
			{in, RST, 1100, 0, 0, m, StatePickup, kept},
			{out, RST, 5000, 0, 0, m, StateClose, fresh},
		}},
		{"pickup and a new connection", newScript, []step{
			{in, ACK, 1000, 5000, 100, 0, StatePickup, fresh},
			{in, SYN, 7999, 0, 0, r, StatePickup, kept},
			{out, SYN | ACK, 8999, 8000, 0, m, StateSynRecv, fresh},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.after(t)
			s.play(tc.steps...)
		})
	}
}

// TestTCPWrapAround runs a whole connection at sequence numbers around 2^32.
func TestTCPWrapAround(t *testing.T) {
	const m = OutcomeMember
	for _, isn := range []uint32{0xffffffff, 0xfffffffe, 0xffffff9d, 0x7fffffff, 0x7fffffff - 100, 0} {
		c, s := isn+1, isn+7 // first data bytes of client and server
		sc := newScript(t)
		sc.play(
			step{in, SYN, c - 1, 0, 0, 0, StateSynSent, fresh},
			step{out, SYN | ACK, s - 1, c, 0, m, StateSynRecv, fresh},
			step{in, ACK, c, s, 0, m, StateEstablished, fresh},
			step{in, ACK, c, s, 100, m, StateEstablished, fresh},
			step{out, ACK, s, c + 100, 100, m, StateEstablished, fresh},
			step{in, RST, c + 99, 0, 0, m, StateEstablished, kept},
			step{in, FIN | ACK, c + 100, s + 100, 0, m, StateFinWait, fresh},
			step{out, ACK, s + 100, c + 101, 0, m, StateCloseWait, fresh},
			step{out, FIN | ACK, s + 100, c + 101, 0, m, StateLastAck, fresh},
			step{in, ACK, c + 101, s + 101, 0, m, StateTimeWait, fresh},
		)
	}
}

// TestTCPLongStream runs three times around the sequence space, with a FIN at the end.
func TestTCPLongStream(t *testing.T) {
	s := established(t)
	seq := uint32(1100)
	for range 3 * 64 {
		s.play(
			step{in, ACK, seq, 5200, 1 << 26, OutcomeMember, StateEstablished, fresh},
			step{out, ACK, 5200, seq + 1<<26, 0, OutcomeMember, StateEstablished, fresh},
		)
		seq += 1 << 26
	}
	s.play(step{in, FIN | ACK, seq, 5200, 0, OutcomeMember, StateFinWait, fresh})
}

// TestForgedSegments: an attacker who forges one side without knowing sequence numbers
// neither shortens an established flow nor changes its state. The real connection closes
// afterwards as if nothing had happened (T13, T28).
func TestForgedSegments(t *testing.T) {
	flags := []TCPFlags{SYN, SYN | ACK, RST, RST | ACK, FIN | ACK, ACK, ACK | PSH, 0, SYN | FIN}
	s := established(t)
	e := s.table.Lock(&s.tuple, s.now)
	expires := e.Flow().deadline()
	e.Unlock()
	for i := range uint32(20000) {
		p := PacketMeta{Dir: Ingress, Class: ClassTCP, Bytes: 40, TCP: TCPSegment{
			// A stride over the whole sequence space; the exact numbers are skipped below.
			Seq: 1100 + 2000 + i*214737, Ack: 5200 + 2000 + i*214703,
			Len: i % 1400, Flags: flags[i%uint32(len(flags))],
		}}
		if p.TCP.Seq+2000-1100 < 4000 {
			continue
		}
		e := s.table.Lock(&s.tuple, s.now)
		f := e.Flow()
		o := f.Assess(&p)
		e.Update(&p, o, &s.tmo, s.now)
		if f.State() != StateEstablished || f.deadline() < expires {
			t.Fatalf("%+v: state %v, expires %v, was %v", p.TCP, f.State(), f.deadline(), expires)
		}
		e.Unlock()
	}
	s.play(
		step{in, ACK, 1100, 5200, 100, OutcomeMember, StateEstablished, fresh},
		step{out, ACK, 5200, 1200, 0, OutcomeMember, StateEstablished, fresh},
		step{in, FIN | ACK, 1200, 5200, 0, OutcomeMember, StateFinWait, fresh},
		step{out, FIN | ACK, 5200, 1201, 0, OutcomeMember, StateLastAck, fresh},
		step{in, ACK, 1201, 5201, 0, OutcomeMember, StateTimeWait, fresh},
	)
}
