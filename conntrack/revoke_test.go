package conntrack

import (
	"testing"
	"time"
)

func TestRevoke(t *testing.T) {
	tcp := func(d Direction, f TCPFlags) PacketMeta {
		return tcpPacket(d, f, 101, 901)
	}
	udp := func(d Direction) PacketMeta { return udpPacket(d) }
	fx := newFixture(t, Config{MaxFlows: 100}, shardBits)
	for _, tc := range []struct {
		what string
		open func() Tuple
		// over are packets that continue the flow, anew packets that begin a new one.
		over, anew []PacketMeta
	}{
		{"established TCP", fx.established,
			[]PacketMeta{
				tcp(in, ACK), tcp(out, ACK), tcp(in, FIN|ACK), tcp(out, RST), tcp(out, SYN|ACK), tcp(in, 0),
			},
			[]PacketMeta{tcp(in, SYN), tcp(out, SYN)}},
		{"half-open TCP", fx.syn,
			[]PacketMeta{tcp(in, ACK), tcp(out, SYN|ACK)},
			[]PacketMeta{tcp(in, SYN)}},
		{"UDP", fx.replied, []PacketMeta{udp(out)}, []PacketMeta{udp(in)}},
	} {
		k, keep := tc.open(), tc.open()
		if !fx.revoke(k) {
			t.Fatalf("%s: not revoked", tc.what)
		}
		if fx.revoke(k) {
			t.Errorf("%s: revoked twice", tc.what)
		}
		for _, s := range tc.over {
			if got := fx.assess(k, s); got != OutcomeRevoked {
				t.Errorf("%s: %+v is %v, want revoked", tc.what, s, got)
			}
			if got := fx.assess(keep, s); got == OutcomeRevoked {
				t.Errorf("%s: %+v of another flow is revoked", tc.what, s)
			}
		}
		for _, s := range tc.anew {
			if got := fx.assess(k, s); got != OutcomeReopen {
				t.Errorf("%s: %+v is %v, want reopen", tc.what, s, got)
			}
		}
		if fx.add(tc.anew[0], k) != Inserted {
			t.Errorf("%s: no new flow in the place of the revoked one", tc.what)
		}
		e := fx.table.Lock(&k, fx.now)
		f := e.Flow()
		if f == nil || f.State() == StateRevoked || f.Assess(&tc.anew[0]) == OutcomeRevoked {
			t.Errorf("%s: after it began anew: %+v", tc.what, f)
		}
		e.Unlock()
	}
	if st := fx.table.Stats(); st.Revoked != 3 {
		t.Errorf("%d flows counted as revoked, want 3", st.Revoked)
	}
}

// TestRevokeMeansOneFlow: a flow that replaced the one that Range returned stays.
func TestRevokeMeansOneFlow(t *testing.T) {
	fx := newFixture(t, Config{MaxFlows: 100}, shardBits)
	k := fx.closed()
	var shown FlowInfo
	fx.table.Range(fx.now, func(f FlowInfo) bool { shown = f; return true })
	fx.add(tcpPacket(in, SYN, 7000, 0), k)
	if fx.table.Revoke(&shown, fx.now) {
		t.Error("a new connection was revoked in the place of the old one")
	}
	fx.table.Delete(&k, fx.now)
	if fx.table.Revoke(&shown, fx.now) {
		t.Error("revoked what is not there")
	}
}

// TestRevokedEntriesAreBounded: a revoked flow keeps its entry for as long as it would
// have lived, and is evicted when nothing else can make room.
func TestRevokedEntriesAreBounded(t *testing.T) {
	fx := newFixture(t, Config{MaxFlows: 4, MaxHalfOpen: 4}, 0)
	first, second, third := fx.established(), fx.syn(), fx.replied()
	open := fx.established()
	for _, k := range []Tuple{first, second} {
		if !fx.revoke(k) {
			t.Fatal("not revoked")
		}
	}
	st := fx.table.Stats()
	if st.Flows != 4 || st.HalfOpen != 0 {
		t.Errorf("%d flows, %d half-open, want 4 and 0", st.Flows, st.HalfOpen)
	}
	if want := (States{Open: 1, Datagrams: 1, Revoked: 2}); st.States != want {
		t.Errorf("states %+v, want %+v", st.States, want)
	}
	fourth := fx.syn()
	fx.gone(third, first, second, open, fourth)
	if !fx.revoke(fourth) || !fx.revoke(open) {
		t.Fatal("not revoked")
	}
	fifth := fx.syn()
	fx.gone(first, second, open, fourth, fifth)
	fx.now = fx.now.Add(TimeoutSynSent + time.Minute)
	if fx.has(second) {
		t.Error("the entry outlived the flow")
	}
}
