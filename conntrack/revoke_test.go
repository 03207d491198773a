package conntrack

import (
	"testing"
	"time"
)

// revoke ends the flow of a tuple as a caller does: from what Range shows.
func (c *crowd) revoke(k Tuple) (done bool) {
	c.table.Range(c.now, func(f FlowInfo) bool {
		if f.Tuple == k {
			done = c.table.Revoke(&f, c.now)
		}
		return true
	})
	return done
}

// assess says what the flow of a tuple makes of a packet.
func (c *crowd) assess(k Tuple, p PacketMeta) Outcome {
	c.Helper()
	e := c.table.Lock(&k, c.now)
	defer e.Unlock()
	if e.Flow() == nil {
		c.Fatal("no flow")
	}
	return e.Flow().Assess(&p)
}

func TestRevoke(t *testing.T) {
	tcp := func(d Direction, f TCPFlags) PacketMeta {
		return PacketMeta{Dir: d, Class: ClassTCP, TCP: TCPSegment{Seq: 101, Ack: 901, Flags: f}}
	}
	udp := func(d Direction) PacketMeta { return PacketMeta{Dir: d, Class: ClassUDP} }
	c := &crowd{TB: t, table: NewTable(Config{MaxFlows: 100}), tmo: DefaultTimeouts(), now: Time(time.Hour)}
	for _, tc := range []struct {
		what string
		open func() Tuple
		// over and anew are what goes on with the flow and what begins one.
		over, anew []PacketMeta
	}{
		{"established TCP", c.established,
			[]PacketMeta{tcp(in, ACK), tcp(out, ACK), tcp(in, FIN|ACK), tcp(out, RST), tcp(out, SYN|ACK), tcp(in, 0)},
			[]PacketMeta{tcp(in, SYN), tcp(out, SYN)}},
		{"half-open TCP", c.syn, []PacketMeta{tcp(in, ACK), tcp(out, SYN|ACK)}, []PacketMeta{tcp(in, SYN)}},
		{"UDP", c.replied, []PacketMeta{udp(out)}, []PacketMeta{udp(in)}},
	} {
		k, keep := tc.open(), tc.open()
		if !c.revoke(k) {
			t.Fatalf("%s: not revoked", tc.what)
		}
		if c.revoke(k) {
			t.Errorf("%s: revoked twice", tc.what)
		}
		for _, s := range tc.over {
			if got := c.assess(k, s); got != OutcomeRevoked {
				t.Errorf("%s: %+v is %v, want revoked", tc.what, s, got)
			}
			if got := c.assess(keep, s); got == OutcomeRevoked {
				t.Errorf("%s: %+v of another flow is revoked", tc.what, s)
			}
		}
		for _, s := range tc.anew {
			if got := c.assess(k, s); got != OutcomeReopen {
				t.Errorf("%s: %+v is %v, want reopen", tc.what, s, got)
			}
		}
		if c.add(tc.anew[0], k) != Inserted {
			t.Errorf("%s: no new flow in the place of the revoked one", tc.what)
		}
		e := c.table.Lock(&k, c.now)
		if f := e.Flow(); f == nil || f.State() == StateRevoked || f.Assess(&tc.anew[0]) == OutcomeRevoked {
			t.Errorf("%s: after it began anew: %+v", tc.what, f)
		}
		e.Unlock()
	}
	if st := c.table.Stats(); st.Revoked != 3 {
		t.Errorf("%d flows counted as revoked, want 3", st.Revoked)
	}
}

// A flow that took the place of the one that was shown stays.
func TestRevokeMeansOneFlow(t *testing.T) {
	c := &crowd{TB: t, table: NewTable(Config{MaxFlows: 100}), tmo: DefaultTimeouts(), now: Time(time.Hour)}
	k := c.closed()
	var shown FlowInfo
	c.table.Range(c.now, func(f FlowInfo) bool { shown = f; return true })
	c.add(PacketMeta{Class: ClassTCP, TCP: TCPSegment{Seq: 7000, Flags: SYN}}, k)
	if c.table.Revoke(&shown, c.now) {
		t.Error("a new connection was revoked in the place of the old one")
	}
	c.table.Delete(&k, c.now)
	if c.table.Revoke(&shown, c.now) {
		t.Error("revoked what is not there")
	}
}

// A revoked flow keeps its place for as long as it would have lived, and makes
// room like one that has ended.
func TestRevokedEntriesAreBounded(t *testing.T) {
	c := &crowd{TB: t, table: newTable(Config{MaxFlows: 3, MaxHalfOpen: 3}, 0), tmo: DefaultTimeouts(), now: Time(time.Hour)}
	first, second, third := c.established(), c.syn(), c.replied()
	for _, k := range []Tuple{first, second} {
		if !c.revoke(k) {
			t.Fatal("not revoked")
		}
	}
	if st := c.table.Stats(); st.Flows != 3 || st.HalfOpen != 0 {
		t.Errorf("%d flows, %d half-open, want 3 and 0", st.Flows, st.HalfOpen)
	}
	fourth := c.syn()
	c.gone(first, second, third, fourth)
	c.now = c.now.Add(TimeoutSynSent + time.Minute)
	if c.has(second) {
		t.Error("the entry outlived the flow")
	}
}
