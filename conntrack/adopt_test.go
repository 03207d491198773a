package conntrack

import (
	"testing"
	"time"
)

// adoptInto adopts a flow of the tuple and returns what came of it.
func adoptInto(t *Table, k *Tuple, a Adoption, now Time) AdoptResult {
	tmo := DefaultTimeouts()
	e := t.Lock(k, now)
	defer e.Unlock()
	return e.Adopt(&a, &tmo, now)
}

// seenBy gives a segment to the flow of the tuple and returns the flow as it is then.
func seenBy(t *testing.T, table *Table, k *Tuple, p PacketMeta, now Time) (Outcome, FlowInfo) {
	t.Helper()
	tmo := DefaultTimeouts()
	e := table.Lock(k, now)
	defer e.Unlock()
	if e.Flow() == nil {
		t.Fatal("there is no flow")
	}
	o := e.Flow().Assess(&p)
	e.Update(&p, o, &tmo, now)
	return o, e.Flow().Info()
}

func adoptedSession() (Tuple, Adoption) {
	return NewTuple(1, Ingress, ProtoTCP, Addr4([4]byte{192, 0, 2, 7}),
			Addr4([4]byte{192, 0, 2, 1}), 40000, 22),
		Adoption{Class: ClassTCP, State: StateEstablished, Rule: 5}
}

// TestAdopt: an adopted connection is there as one that is established, with its timer, and
// is the same however often it is adopted.
func TestAdopt(t *testing.T) {
	k, a := adoptedSession()
	table, now := NewTable(Config{MaxFlows: 16}), Time(time.Hour)
	for _, want := range []AdoptResult{Adopted, AdoptKnown} {
		if got := adoptInto(table, &k, a, now); got != want {
			t.Errorf("adopted: %d, want %d", got, want)
		}
	}
	now = now.Add(time.Second)
	data := PacketMeta{Dir: Egress, Class: ClassTCP, Bytes: 100,
		TCP: TCPSegment{Seq: 7e8, Ack: 9e8, Len: 60, Flags: ACK | PSH}}
	o, f := seenBy(t, table, &k, data, now)
	if o != OutcomeMember || f.State != StateEstablished || !f.Adopted || f.Opener != Ingress ||
		f.Rule != 5 || f.Packets != [2]uint32{0, 1} ||
		f.Expires.Sub(now) < DefaultTimeouts().Established {
		t.Errorf("%v, %+v", o, f)
	}
	if st := table.Stats(); st.Adopted != 1 || st.Inserted != 0 || st.Flows != 1 ||
		st.HalfOpen != 0 {
		t.Errorf("counted: %+v", st)
	}
}

// TestAdoptedEnds: nothing is known of the numbers of an adopted connection. A RST that comes
// in ends nothing, one that the machine sends does, and so do FINs that are acknowledged.
func TestAdoptedEnds(t *testing.T) {
	segment := func(d Direction, seq, ack uint32, flags TCPFlags) PacketMeta {
		return PacketMeta{Dir: d, Class: ClassTCP, TCP: TCPSegment{Seq: seq, Ack: ack, Flags: flags}}
	}
	for _, c := range []struct {
		what     string
		from     State
		ended    Direction
		segments []PacketMeta
		want     State
	}{
		{"a RST from outside", StateEstablished, 0, []PacketMeta{segment(Ingress, 1, 0, RST)},
			StateReset},
		{"a RST from outside, and data", StateEstablished, 0, []PacketMeta{segment(Ingress, 1, 0, RST),
			segment(Egress, 5, 6, ACK)}, StateEstablished},
		{"a RST from inside", StateEstablished, 0, []PacketMeta{segment(Egress, 1, 0, RST)}, StateClose},
		{"a FIN alone", StateEstablished, 0, []PacketMeta{segment(Ingress, 70, 9, FIN|ACK)},
			StateEstablished},
		{"a FIN and its acknowledgement", StateEstablished, 0, []PacketMeta{
			segment(Ingress, 70, 9, FIN|ACK), segment(Egress, 9, 71, ACK)}, StateCloseWait},
		{"both FINs", StateEstablished, 0, []PacketMeta{segment(Ingress, 70, 9, FIN|ACK),
			segment(Egress, 9, 71, FIN|ACK), segment(Ingress, 71, 10, ACK)}, StateTimeWait},
		{"one had ended, data", StateCloseWait, Ingress, []PacketMeta{segment(Egress, 9, 71, ACK|PSH),
			segment(Ingress, 71, 9, ACK)}, StateCloseWait},
		{"one had ended, the other one does", StateCloseWait, Ingress, []PacketMeta{
			segment(Egress, 9, 71, FIN|ACK), segment(Ingress, 71, 10, ACK)}, StateTimeWait},
		{"this machine had ended", StateCloseWait, Egress, []PacketMeta{
			segment(Ingress, 9, 71, FIN|ACK), segment(Egress, 71, 10, ACK)}, StateTimeWait},
	} {
		k, a := adoptedSession()
		a.State, a.Ended = c.from, c.ended
		table, now := NewTable(Config{MaxFlows: 16}), Time(time.Hour)
		adoptInto(table, &k, a, now)
		var got FlowInfo
		for _, p := range c.segments {
			now = now.Add(time.Millisecond)
			_, got = seenBy(t, table, &k, p, now)
		}
		if got.State != c.want {
			t.Errorf("%s: %v, want %v", c.what, got.State, c.want)
		}
	}
}

// TestAdoptRoom: an adopted flow takes the place of a connection that has ended, of nothing
// else; a table or a kind that is full has no room for it.
func TestAdoptRoom(t *testing.T) {
	k, a := adoptedSession()
	table, now := NewTable(Config{MaxFlows: 4}), Time(time.Hour)
	adoptInto(table, &k, a, now)
	seenBy(t, table, &k, PacketMeta{Dir: Egress, Class: ClassTCP, TCP: TCPSegment{Flags: RST}}, now)
	if got := adoptInto(table, &k, a, now); got != Adopted || table.Len() != 1 {
		t.Errorf("over a connection that had ended: %d, %d flows", got, table.Len())
	}
	info := FlowInfo{}
	table.Range(now, func(f FlowInfo) bool { info = f; return true })
	if !table.Revoke(&info, now) || adoptInto(table, &k, a, now) != AdoptKnown {
		t.Error("a revoked connection was adopted anew")
	}
	for port := range uint16(5) {
		u := NewTuple(1, Egress, ProtoUDP, k.Local, k.Remote, 5000+port, 53)
		want := Adopted
		if port >= 2 { // half of the table
			want = AdoptFull
		}
		if got := adoptInto(table, &u, Adoption{Class: ClassUDP, Opener: Egress, State: StateStream},
			now); got != want {
			t.Errorf("stream %d: %d, want %d", port, got, want)
		}
	}
	for port := range uint16(3) {
		u := NewTuple(1, Egress, ProtoTCP, k.Local, k.Remote, 5000+port, 80)
		want := Adopted
		if port >= 1 { // one revoked, two streams
			want = AdoptFull
		}
		if got := adoptInto(table, &u, a, now); got != want {
			t.Errorf("connection %d: %d, want %d", port, got, want)
		}
	}
	if table.Len() != 4 {
		t.Errorf("%d flows of 4", table.Len())
	}
	a.Untracked = true
	v := NewTuple(1, Egress, ProtoTCP, k.Local, k.Remote, 6000, 80)
	if got := adoptInto(table, &v, a, now); got != Adopted || table.Len() != 4 ||
		table.Untracked() != 1 {
		t.Errorf("untracked: %d, %d of it", got, table.Untracked())
	}
	now = now.Add(DefaultTimeouts().Established + time.Minute)
	table.Expire(now, table.Slots())
	if table.Len() != 0 || table.Untracked() != 0 {
		t.Errorf("%d and %d are left", table.Len(), table.Untracked())
	}
}
