package state

import (
	"testing"

	"sgfw/test/harness"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// roles calls f for sessions that the protected host admitted and for such that
// it opened.
func roles(t *testing.T, f func(t *testing.T, opened bool)) {
	for _, opened := range []bool{false, true} {
		t.Run(map[bool]string{false: "admitted", true: "opened"}[opened], func(t *testing.T) {
			t.Parallel()
			f(t, opened)
		})
	}
}

// TestForgedSegments: segments by somebody who knows addresses and ports but
// not the numbers neither end a flow nor shorten its life (T28: trust must be
// earned). They may pass, because a security group is no IPS; a SYN does not
// even pass unless a rule admits it.
func TestForgedSegments(t *testing.T) {
	parity.Proves(t, "T28")
	roles(t, func(t *testing.T, opened bool) {
		victims, policy := newVictims(t, opened)
		const badSYN = 0xbad0
		for _, v := range victims {
			v.attack()
			v.forge(wire.SYN, badSYN, 0, nil)
			passed := v.tap.Until(v.What+": the sentinel behind a forged SYN", v.sentinel())
			if n := harness.Count(passed, func(b []byte) bool {
				return harness.TransportOf(b).Seq == badSYN
			}); n > 0 {
				t.Errorf("%s: %d forged SYN passed to a live flow without a rule", v.What, n)
			}
		}
		// With the rules back a SYN may pass; it does not touch the flow.
		victims[0].d.Reload(policy)
		for _, v := range victims {
			seq, ack := v.numbers()
			for range 4 {
				v.forge(wire.SYN, far(seq), 0, nil)
				v.forge(wire.SYN|wire.ACK, far(seq), far(ack), nil)
			}
			v.attack()
		}
		victims[0].d.Reload(harness.Closed)
		for _, v := range victims {
			if !v.Alive() {
				t.Errorf("%s: the session died after a forged SYN that a rule admits", v.What)
			}
			v.flow("established")
		}
	})
}
