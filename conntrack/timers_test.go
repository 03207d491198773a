package conntrack

import (
	"testing"
	"time"

	"sgfw/test/parity"
)

// TestTimers: every row of §3.3 and §12, just before and just
// after its end.
func TestTimers(t *testing.T) {
	const m = OutcomeMember
	tcp := func(steps ...step) func(*script) {
		return func(s *script) { s.play(steps...) }
	}
	open := func(steps ...step) func(*script) {
		return func(s *script) {
			s.play(handshake...)
			s.play(request, response, acked)
			s.play(steps...)
		}
	}
	fin := step{in, FIN | ACK, 1100, 5200, 0, m, StateFinWait, fresh}
	seconds := func(s *script, n int) { s.now = s.now.Add(time.Duration(n) * time.Second) }
	for _, tc := range []struct {
		name string
		play func(*script)
		want time.Duration
	}{
		{"SYN_SENT", tcp(handshake[0]), 120 * time.Second},
		{"SYN_RECV", tcp(handshake[:2]...), 60 * time.Second},
		{"pickup", tcp(step{in, ACK, 1, 1, 1, 0, StatePickup, fresh}), 300 * time.Second},
		{"established", open(), 432000 * time.Second},
		{"FIN_WAIT", open(fin), 120 * time.Second},
		{"CLOSE_WAIT", open(fin,
			step{out, ACK, 5200, 1101, 0, m, StateCloseWait, fresh}), 3600 * time.Second},
		{"CLOSE_WAIT, the other side ends first", open(
			step{out, FIN | ACK, 5200, 1100, 0, m, StateFinWait, fresh},
			step{in, ACK, 1100, 5201, 0, m, StateCloseWait, fresh}), 3600 * time.Second},
		{"CLOSE_WAIT, data the other way, acknowledged", open(fin,
			step{out, ACK, 5200, 1101, 100, m, StateCloseWait, fresh},
			step{in, ACK, 1101, 5300, 0, m, StateCloseWait, fresh}), 3600 * time.Second},
		{"CLOSE_WAIT, data the other way", open(fin,
			step{out, ACK, 5200, 1101, 100, m, StateCloseWait, fresh}), 300 * time.Second},
		{"CLOSE_WAIT, timer of the interface", func(s *script) {
			s.tmo.HalfClosed = 90 * time.Second
			open(fin, step{out, ACK, 5200, 1101, 0, m, StateCloseWait, fresh})(s)
		}, 90 * time.Second},
		{"data that nobody acknowledges", open(
			step{in, ACK, 1100, 5200, 100, m, StateEstablished, fresh}), 300 * time.Second},
		{"data that nobody acknowledges, from the other side", open(
			step{out, ACK, 5200, 1100, 100, m, StateEstablished, fresh}), 300 * time.Second},
		{"data that was acknowledged comes again", open(request, response), 432000 * time.Second},
		{"half of the data is acknowledged", open(
			step{out, ACK, 5200, 1100, 200, m, StateEstablished, fresh},
			step{in, ACK, 1100, 5300, 0, m, StateEstablished, fresh}), 300 * time.Second},
		{"all of the data is acknowledged", open(
			step{out, ACK, 5200, 1100, 200, m, StateEstablished, fresh},
			step{in, ACK, 1100, 5400, 0, m, StateEstablished, fresh}), 432000 * time.Second},
		{"data on both sides, one acknowledged", open(
			step{in, ACK, 1100, 5200, 100, m, StateEstablished, fresh},
			step{out, ACK, 5200, 1200, 200, m, StateEstablished, fresh}), 300 * time.Second},
		{"data that the sender repeats", open(
			step{in, ACK, 1100, 5200, 100, m, StateEstablished, fresh},
			step{in, ACK, 1100, 5200, 100, m, StateEstablished, fresh}), 300 * time.Second},
		{"data after a gap may be forged", open(
			step{in, ACK, 1200, 5200, 100, m, StateEstablished, fresh}), 432000 * time.Second},
		{"data met mid-stream, after both sides have proved themselves", tcp(
			step{in, ACK, 1000, 5000, 100, 0, StatePickup, fresh},
			step{out, ACK, 5000, 1100, 50, m, StateEstablished, fresh}), 300 * time.Second},
		{"nobody acknowledges, and the interface's timer is shorter", func(s *script) {
			s.tmo.Established = 60 * time.Second
			open(step{in, ACK, 1100, 5200, 100, m, StateEstablished, fresh})(s)
		}, 60 * time.Second},
		{"LAST_ACK", open(fin,
			step{out, FIN | ACK, 5200, 1101, 0, m, StateLastAck, fresh}), 30 * time.Second},
		{"TIME_WAIT", open(fin,
			step{out, FIN | ACK, 5200, 1101, 0, m, StateLastAck, fresh},
			step{in, ACK, 1101, 5201, 0, m, StateTimeWait, fresh}), 120 * time.Second},
		{"CLOSE", open(step{in, RST, 1100, 0, 0, m, StateClose, fresh}), 10 * time.Second},
		{"established, 350 s of Nitro v6 (T11)", func(s *script) {
			s.tmo.Established = 350 * time.Second
			open()(s)
		}, 350 * time.Second},
		{"established, shortened while live (T20)", func(s *script) {
			open()(s)
			s.tmo.Established = 60 * time.Second
			s.play(request)
		}, 60 * time.Second},

		{"UDP one way", func(s *script) { s.datagram(ClassUDP, out, false, 0) }, 30 * time.Second},
		{"UDP one way, many", func(s *script) {
			for range 5 {
				s.datagram(ClassUDP, out, false, m)
				seconds(s, 29)
			}
			s.datagram(ClassUDP, out, false, m)
		}, 30 * time.Second},
		{"UDP one request, many answers", func(s *script) {
			s.datagram(ClassUDP, out, false, 0)
			for range 5 {
				s.datagram(ClassUDP, in, false, m)
			}
		}, 30 * time.Second},
		{"UDP second request", func(s *script) {
			s.datagram(ClassUDP, out, false, 0)
			s.datagram(ClassUDP, in, false, m)
			s.datagram(ClassUDP, out, false, m)
		}, 30 * time.Second},
		{"UDP stream", func(s *script) {
			for range 2 {
				s.datagram(ClassUDP, out, false, m)
				s.datagram(ClassUDP, in, false, m)
			}
		}, 180 * time.Second},
		{"UDP stream, two questions at once", func(s *script) {
			s.datagram(ClassUDP, out, false, 0)
			s.datagram(ClassUDP, out, false, m)
			s.datagram(ClassUDP, in, false, m)
			s.datagram(ClassUDP, in, false, m)
		}, 180 * time.Second},
		{"UDP two questions at once, one answer", func(s *script) {
			s.datagram(ClassUDP, out, false, 0)
			s.datagram(ClassUDP, out, false, m)
			s.datagram(ClassUDP, in, false, m)
		}, 30 * time.Second},
		{"UDP stream, an answer too many before the second question", func(s *script) {
			s.datagram(ClassUDP, out, false, 0)
			s.datagram(ClassUDP, in, false, m)
			s.datagram(ClassUDP, in, false, m)
			s.datagram(ClassUDP, out, false, m)
		}, 30 * time.Second},
		{"UDP stream stays one", func(s *script) {
			for range 2 {
				s.datagram(ClassUDP, out, false, m)
				s.datagram(ClassUDP, in, false, m)
			}
			seconds(s, 170)
			s.datagram(ClassUDP, in, false, m)
		}, 180 * time.Second},
		{"UDP timers of the interface", func(s *script) {
			s.tmo.UDP, s.tmo.UDPStream = 45*time.Second, 61*time.Second
			s.datagram(ClassUDP, out, false, 0)
		}, 45 * time.Second},
		{"UDP stream timer of the interface", func(s *script) {
			s.tmo.UDP, s.tmo.UDPStream = 45*time.Second, 61*time.Second
			for range 2 {
				s.datagram(ClassUDP, out, false, m)
				s.datagram(ClassUDP, in, false, m)
			}
		}, 61 * time.Second},
		{"ICMP query", func(s *script) { s.datagram(ClassQuery, out, false, 0) }, 30 * time.Second},
		{"ICMP query answered", func(s *script) {
			s.datagram(ClassQuery, out, false, 0)
			seconds(s, 10)
			s.datagram(ClassQuery, in, true, m)
		}, 30 * time.Second},
		{"other protocol (T10)", func(s *script) {
			s.datagram(ClassOther, out, false, 0)
		}, 600 * time.Second},
		{"other protocol answered (T10)", func(s *script) {
			s.datagram(ClassOther, out, false, 0)
			seconds(s, 599)
			s.datagram(ClassOther, in, false, m)
		}, 600 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScript(t)
			tc.play(s)
			s.lives(tc.want-time.Millisecond, tc.want+Granularity)
			// The lookup of an expired flow removes it.
			if n := s.table.Len(); n != 0 {
				t.Errorf("%d flows after the end", n)
			}
		})
	}
}

// TestQuery: the opener sends queries, the other side replies, by identifier (T4, T9).
func TestQuery(t *testing.T) {
	parity.Proves(t, "T4", "T9")
	s := newScript(t)
	local, remote := Addr4([4]byte{192, 0, 2, 1}), Addr4([4]byte{198, 51, 100, 7})
	other := Addr4([4]byte{198, 51, 100, 8})
	s.tuple = NewTuple(1, Egress, ProtoICMP, local, remote, 77, QueryPort(8))
	s.datagram(ClassQuery, out, false, 0)
	s.datagram(ClassQuery, out, false, OutcomeMember)
	s.datagram(ClassQuery, in, true, OutcomeMember)
	s.datagram(ClassQuery, in, true, OutcomeMember)
	s.datagram(ClassQuery, out, true, OutcomeRules) // a reply from the opener
	s.datagram(ClassQuery, in, false, OutcomeRules) // a query from the other side

	for name, k := range map[string]Tuple{
		"another identifier": NewTuple(1, Ingress, ProtoICMP, remote, local, QueryPort(8), 78),
		"another query type": NewTuple(1, Ingress, ProtoICMP, remote, local, QueryPort(13), 77),
		"another host":       NewTuple(1, Ingress, ProtoICMP, other, local, QueryPort(8), 77),
		"another scope":      NewTuple(2, Ingress, ProtoICMP, remote, local, QueryPort(8), 77),
		"the other way":      NewTuple(1, Egress, ProtoICMP, remote, local, QueryPort(8), 77),
		"ping of the remote": NewTuple(1, Ingress, ProtoICMP, remote, local, 77, QueryPort(8)),
	} {
		e := s.table.Lock(&k, s.now)
		if e.Flow() != nil {
			t.Errorf("%s: has a flow", name)
		}
		e.Unlock()
	}
	k := NewTuple(1, Ingress, ProtoICMP, remote, local, QueryPort(8), 77)
	e := s.table.Lock(&k, s.now)
	if e.Flow() == nil {
		t.Error("the reply's own tuple finds no flow")
	}
	e.Unlock()
}

// TestClassMismatch: a packet whose class is not the flow's is no member.
func TestClassMismatch(t *testing.T) {
	s := newScript(t)
	s.datagram(ClassUDP, out, false, 0)
	s.datagram(ClassOther, in, false, OutcomeRules)
	s.datagram(ClassQuery, in, true, OutcomeRules)
	s.datagram(ClassUDP, in, false, OutcomeMember)
}

// TestCounts: packets and bytes are counted by direction, without packets that were left
// to the rules.
func TestCounts(t *testing.T) {
	s := established(t)
	s.play(step{in, SYN, 7777, 0, 0, OutcomeRules, StateEstablished, kept})
	var got FlowInfo
	s.table.Range(s.now, func(fi FlowInfo) bool { got = fi; return true })
	if got.Packets != [2]uint32{4, 2} || got.Bytes != [2]uint64{4*40 + 100, 2*40 + 200} {
		t.Errorf("packets %v, bytes %v", got.Packets, got.Bytes)
	}
	if got.Rule != 1 || got.Opener != Ingress ||
		got.State != StateEstablished || got.Tuple != s.tuple {
		t.Errorf("%+v", got)
	}

	f := Flow{packets: [2]uint32{1<<32 - 2, 0}}
	for range 3 {
		f.count(&PacketMeta{Dir: Ingress, Bytes: 1 << 31})
	}
	if f.packets[Ingress] != 1<<32-1 || f.total(Ingress) != 3<<31 {
		t.Errorf("packets %d, bytes %d", f.packets[Ingress], f.total(Ingress))
	}
	f.bytesHi[Ingress] = 1<<16 - 1
	for range 3 {
		f.count(&PacketMeta{Dir: Ingress, Bytes: 1 << 31})
		if f.total(Ingress) < 1<<48-1<<32 {
			t.Errorf("bytes did not saturate: %d", f.total(Ingress))
		}
	}
}
