package filter

import (
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
)

// conversation is one of TCP or UDP over device 2.
func conversation(inbound bool, proto uint8, port uint16) *Conversation {
	far := End{conntrack.Addr4([4]byte{192, 0, 2, 1}), 40000}
	own := End{conntrack.Addr4([4]byte{192, 0, 2, 7}), port}
	c := &Conversation{In: 2, Proto: proto, From: far, To: own,
		State: conntrack.StateEstablished}
	if !inbound {
		far.Port, own.Port = own.Port, far.Port
		c.In, c.Out, c.From, c.To = 0, 2, own, far
	}
	if proto == conntrack.ProtoUDP {
		c.State = conntrack.StateStream
	}
	c.Asked, c.As = c.To, c.From
	return c
}

// TestAdopt: what exists is adopted with the rule that would permit it, if any, and what
// rules leave untracked stays so. A device that no policy manages has no flows.
func TestAdopt(t *testing.T) {
	for _, c := range []struct {
		what      string
		p         *policy.Policy
		c         *Conversation
		want      Adopted
		untracked bool
		rule      bool
	}{
		{"no rule", onePolicy(), conversation(true, 6, 22), Adopted{Tracked: 1}, false, false},
		{"a rule", onePolicy(tcpRule(22, "192.0.2.0/24")), conversation(true, 6, 22),
			Adopted{Tracked: 1}, false, true},
		{"a rule of the other direction", onePolicy(tcpRule(22, "192.0.2.0/24")),
			conversation(false, 6, 22), Adopted{Tracked: 1}, false, false},
		{"untracked", awsPolicy(rules(web4), rules(all4)), conversation(true, 6, 80),
			Adopted{Untracked: 1}, true, true},
		{"untracked, of the opener", awsPolicy(rules(all4), rules(web4)), conversation(false, 6, 80),
			Adopted{Untracked: 1}, true, true},
		{"tracked, for another port", awsPolicy(rules(web4), rules(all4)), conversation(true, 6, 81),
			Adopted{Tracked: 1}, false, false},
		{"untracked UDP", awsPolicy(rules(dns4), rules(all4)), conversation(true, 17, 53),
			Adopted{Untracked: 1}, true, true},
	} {
		b := newBench(t, c.p)
		var got Adopted
		for range 2 {
			b.engine.Adopt(c.c, &got)
		}
		if c.want.Known = 1; got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
		n := 0
		b.engine.Flows().Range(b.engine.Now(), func(f conntrack.FlowInfo) bool {
			n++
			if !f.Adopted || f.Untracked != c.untracked || (f.Rule != 0) != c.rule ||
				f.State != c.c.State || (f.Opener == conntrack.Ingress) != (c.c.In != 0) {
				t.Errorf("%s: %+v", c.what, f)
			}
			return true
		})
		if n != 1 {
			t.Errorf("%s: %d flows", c.what, n)
		}
		var none Adopted
		elsewhere := *c.c
		elsewhere.In, elsewhere.Out = elsewhere.In*3, elsewhere.Out*3
		if b.engine.Adopt(&elsewhere, &none); none != (Adopted{}) {
			t.Errorf("%s: over a device that nothing manages: %+v", c.what, none)
		}
	}
}

// TestAdoptGuest: of a guest's conversations the directions are the guest's, and one with an
// address that is not its own is refused.
func TestAdoptGuest(t *testing.T) {
	p := guestPolicy()
	b := newGuestBench(t, p)
	var tap *Attachment
	var index uint32
	for _, a := range b.engine.Ruleset().Attachments() {
		if a.own != nil && len(a.own.addrs) > 0 && a.own.addrs[0].Is4() {
			tap, index = a, a.at.Index
			break
		}
	}
	if tap == nil {
		t.Fatal("no guest")
	}
	own, far := End{tap.own.addrs[0], 22}, End{conntrack.Addr4([4]byte{203, 0, 113, 9}), 40000}
	var n Adopted
	b.engine.Adopt(&Conversation{Out: index, Proto: 6, From: far, Asked: own, To: own, As: far,
		State: conntrack.StateEstablished}, &n)
	b.engine.Flows().Range(b.engine.Now(), func(f conntrack.FlowInfo) bool {
		if f.Opener != conntrack.Ingress || f.Tuple.Local != own.Addr {
			t.Errorf("%+v", f)
		}
		return true
	})
	stranger := End{conntrack.Addr4([4]byte{203, 0, 113, 10}), 22}
	b.engine.Adopt(&Conversation{Out: index, Proto: 6, From: far, Asked: stranger, To: stranger,
		As: far, State: conntrack.StateEstablished}, &n)
	if n != (Adopted{Tracked: 1, Refused: 1}) {
		t.Errorf("%+v", n)
	}
}
