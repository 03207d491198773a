package conntrack

import (
	"testing"
	"time"
)

// step is one segment of a scripted connection, one second after the one before, and its
// expected effect. Rules permit everything.
type step struct {
	dir           Direction
	flags         TCPFlags
	seq, ack, len uint32
	want          Outcome
	state         State
	timer         timer
}

type timer uint8

const (
	fresh timer = iota // the idle timer restarts
	kept               // it keeps running
)

const (
	in  = Ingress
	out = Egress
)

// script runs steps on one tuple. The first one opens the flow.
type script struct {
	testing.TB
	table *Table
	tuple Tuple
	tmo   Timeouts
	now   Time
}

func newScript(tb testing.TB) *script {
	return &script{
		TB:    tb,
		table: NewTable(Config{MaxFlows: 100}),
		tuple: NewTuple(1, Ingress, ProtoTCP,
			Addr4([4]byte{203, 0, 113, 9}), Addr4([4]byte{192, 0, 2, 1}), 50000, 443),
		tmo: DefaultTimeouts(),
		now: Time(time.Hour),
	}
}

// play runs the steps.
func (s *script) play(steps ...step) {
	s.Helper()
	for i, st := range steps {
		s.now = s.now.Add(time.Second)
		p := tcpPacket(st.dir, st.flags, st.seq, st.ack)
		p.Bytes, p.TCP.Len = 40+st.len, st.len
		e := s.table.Lock(&s.tuple, s.now)
		f := e.Flow()
		if f == nil {
			if r := e.Insert(&p, 1, &s.tmo, s.now); r != Inserted {
				s.Fatalf("step %d: Insert = %v", i, r)
			}
			f = e.Flow()
		} else {
			before := f.deadline()
			o := f.Assess(&p)
			if o != st.want {
				s.Fatalf("step %d %+v in %v: outcome %v, want %v", i, st, f.State(), o, st.want)
			}
			if o == OutcomeReopen {
				e.Insert(&p, 1, &s.tmo, s.now)
			} else {
				e.Update(&p, o, &s.tmo, s.now)
			}
			f = e.Flow()
			anew := f.deadline() == s.now.deadline(f.idle(&s.tmo))
			if anew != (st.timer == fresh) || !anew && f.deadline() != before {
				s.Fatalf("step %d %+v: timer anew = %v in %v", i, st, anew, f.State())
			}
		}
		if f.State() != st.state {
			s.Fatalf("step %d %+v: state %v, want %v", i, st, f.State(), st.state)
		}
		e.Unlock()
	}
}

// lives asserts that the flow is alive one time after the last step, and not another.
func (s *script) lives(alive, dead time.Duration) {
	s.Helper()
	for _, x := range []struct {
		after time.Duration
		want  bool
	}{{alive, true}, {dead, false}} {
		e := s.table.Lock(&s.tuple, s.now.Add(x.after))
		if got := e.Flow() != nil; got != x.want {
			s.Errorf("%v after the last packet: alive = %v, want %v", x.after, got, x.want)
		}
		e.Unlock()
	}
}

// in is the same segment where it leaves the flow in another state.
func (s step) in(state State) step {
	s.state = state
	return s
}

// Scripts begin with sequence number 999 of the client and 4999 of the server.
var (
	handshake = []step{
		{in, SYN, 999, 0, 0, 0, StateSynSent, fresh},
		{out, SYN | ACK, 4999, 1000, 0, OutcomeMember, StateSynRecv, fresh},
		{in, ACK, 1000, 5000, 0, OutcomeMember, StateEstablished, fresh},
	}
	request  = step{in, ACK | PSH, 1000, 5000, 100, OutcomeMember, StateEstablished, fresh}
	response = step{out, ACK | PSH, 5000, 1100, 200, OutcomeMember, StateEstablished, fresh}
	acked    = step{in, ACK, 1100, 5200, 0, OutcomeMember, StateEstablished, fresh}
)

func established(tb testing.TB) *script {
	tb.Helper()
	s := newScript(tb)
	s.play(handshake...)
	s.play(request, response, acked)
	return s
}

// datagram runs a packet that is not TCP.
func (s *script) datagram(c Class, d Direction, reply bool, want Outcome) {
	s.Helper()
	p := PacketMeta{Dir: d, Class: c, Reply: reply, Bytes: 100}
	e := s.table.Lock(&s.tuple, s.now)
	defer e.Unlock()
	f := e.Flow()
	if f == nil {
		if r := e.Insert(&p, 1, &s.tmo, s.now); r != Inserted {
			s.Fatalf("Insert = %v", r)
		}
		return
	}
	o := f.Assess(&p)
	if o != want {
		s.Fatalf("%v reply=%v: outcome %v, want %v", d, reply, o, want)
	}
	e.Update(&p, o, &s.tmo, s.now)
}
