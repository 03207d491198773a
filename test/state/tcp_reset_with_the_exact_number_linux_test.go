package state

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"sgfw/test/harness"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// TestExactReset: a RST with the exact number ends the flow (RFC 9293
// §3.10.7.4). When its entry is gone, what comes late of the old connection is
// for the rules, and there are none (T13, T22, F7); another session between the
// same hosts lives.
func TestExactReset(t *testing.T) {
	parity.Proves(t, "T13", "T22")
	t.Parallel()
	type pair struct {
		*victim
		stays    *victim
		seq, ack uint32
	}
	var pairs []pair
	for _, opened := range []bool{false, true} {
		resets, policy := newVictims(t, opened)
		d := resets[0].d
		d.Reload(policy)
		for _, v := range resets {
			h, to := v.attacker.Host(), v.inside
			if opened {
				h, to = d.Host, v.outside
			}
			c := harness.DialTCP(t, h, netip.AddrPort{}, to, harness.ArrivalTimeout)
			if c == nil || !harness.Talks(c) {
				t.Fatalf("%s: no second session", v.What)
			}
			t.Cleanup(func() { c.Close() })
			stays := *v
			stays.Session, stays.conn = harness.SessionOf("second session over "+v.What, c), c
			if from := c.LocalAddr().(*net.TCPAddr).AddrPort(); opened {
				stays.inside = from
			} else {
				stays.outside = from
			}
			pairs = append(pairs, pair{victim: v, stays: &stays})
		}
		d.Reload(harness.Closed)
	}
	for i, p := range pairs {
		p.seq, p.ack = p.numbers()
		pairs[i] = p
		p.forge(wire.RST, p.seq, 0, nil)
		if f := p.flow("close"); f.Expires > 10 {
			t.Errorf("%s: a closed flow ends in %d s, want at most 10", p.What, f.Expires)
		}
	}
	for _, p := range pairs {
		deadline := time.Now().Add(15 * time.Second)
		for {
			if _, live := p.d.Flow("tcp", p.inside.String(), p.outside.String()); !live {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: the closed flow stays", p.What)
			}
			time.Sleep(100 * time.Millisecond)
		}
		late := harness.Nonce()
		p.forge(wire.PSH|wire.ACK, p.seq, p.ack, late)
		passed := p.tap.Until(p.What+": the sentinel behind late data", p.stays.sentinel())
		if harness.Count(passed, harness.Carrying(late)) > 0 {
			t.Errorf("%s: late data of a connection that was reset passed without a rule", p.What)
		}
		if !p.Dead() {
			t.Errorf("%s: the session lives on after an exact RST", p.What)
		}
		if !p.stays.Alive() {
			t.Errorf("%s: died with the first", p.stays.What)
		}
	}
}
