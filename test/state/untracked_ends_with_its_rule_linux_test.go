package state

import (
	"net/netip"
	"testing"

	"sgfw/test/harness"
	"sgfw/test/netlab"
	"sgfw/test/netlab/labtest"
	"sgfw/test/parity"
)

// TestUntrackedEndsWithItsRule takes the rule of an untracked session away: what
// the client sends does not arrive from then on, what the server sends still has a
// rule and does, and that never brings the session back. With its rule it goes on
// (T6, T15). A session that is tracked goes on all the time.
func TestUntrackedEndsWithItsRule(t *testing.T) {
	t.Parallel()
	parity.Proves(t, "T6", "T15")
	lab := labtest.New(t, netlab.Pair())
	client, server := lab.Host("client").Device("eth0"), lab.Host("server").Device("eth0")
	opened := harness.PolicyWith([]string{
		harness.Allow("tcp", harness.Inward), harness.Allow("udp", harness.Inward)},
		[]string{toEverybody}, asAWS)
	shut := harness.PolicyWith(nil, []string{toEverybody}, asAWS)
	d := harness.Enforce(t, server.Host(), opened)
	harness.BothFamilies(t, client, server, func(t *testing.T, near, far netip.Addr) {
		d.Reload(opened)
		s := newCord(t, d, client.Host(), server.Host(), harness.AddrPort(far, harness.Inward))
		own := newCord(t, d, server.Host(), client.Host(), harness.AddrPort(near, harness.Outward))
		d.Tracks(t, "tcp", own.Caller.LocalAddr(), own.Caller.RemoteAddr(), true, "return-rule")
		asks, answers := harness.NewInbox(t, client.Host(), harness.AddrPort(near, 0)),
			harness.NewInbox(t, server.Host(), harness.AddrPort(far, harness.Inward))
		from, ok := answers.Receives(asks.Send(t, harness.AddrPort(far, harness.Inward)),
			harness.ArrivalTimeout)
		if !ok {
			t.Fatal("no datagram arrived")
		}
		if _, ok := asks.Receives(answers.Send(t, from), harness.ArrivalTimeout); !ok {
			t.Fatal("no answer arrived")
		}

		d.Reload(shut)
		request := tell(t, s.Caller)
		// Whoever takes these for the first packets of flows lets the answers in. TCP
		// sends the segment again and again, since its acknowledgement is lost.
		if !gets(s.Caller, tell(t, s.Callee), harness.ArrivalTimeout) {
			t.Error("a segment that a rule permits did not arrive")
		}
		for range 3 {
			question := asks.Send(t, harness.AddrPort(far, harness.Inward))
			if gets(s.Callee, request, harness.SilenceTimeout) {
				t.Error("a segment without a rule arrived")
			}
			if _, ok := answers.Has(question); ok {
				t.Error("a datagram without a rule arrived")
			}
			if _, ok := asks.Receives(answers.Send(t, from), harness.ArrivalTimeout); !ok {
				t.Error("a datagram that a rule permits did not arrive")
			}
		}
		if !own.Lives() {
			t.Error("the server's own session was cut")
		}
		if f, _ := d.Flow("tcp", s.Callee.LocalAddr().String(),
			s.Callee.RemoteAddr().String()); f.Tracked || !f.Cut {
			t.Errorf("the session is listed as %+v", f)
		}

		d.Reload(opened)
		if !gets(s.Callee, request, harness.ArrivalTimeout) {
			t.Error("the session does not go on with its rule")
		}
		if _, ok := answers.Receives(asks.Send(t, harness.AddrPort(far, harness.Inward)),
			harness.ArrivalTimeout); !ok {
			t.Error("the datagrams do not arrive with their rule")
		}
	})
}
