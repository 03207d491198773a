package filter

import (
	"testing"

	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/policy/member"
)

// TestIdentitiesSurvive: rules and devices have the same identities in another process, whatever
// their numbers are there, and other ones have none of these.
func TestIdentitiesSurvive(t *testing.T) {
	p := onePolicy(tcpRule(80, "0.0.0.0/0"), tcpRule(81, "0.0.0.0/0"), tcpRule(81, "10.0.0.0/8"))
	q := onePolicy(tcpRule(9, "0.0.0.0/0"), tcpRule(81, "10.0.0.0/8"), tcpRule(80, "0.0.0.0/0"))
	links := []member.Link{{Name: "eth0", Index: 2}}
	a := NewCompiler().Compile(p, nil).WithLinks(links).Identities(nil)
	rs := NewCompiler().Compile(q, nil).WithLinks(links)
	b := rs.Identities(nil)
	for n := 1; n < len(a.rules); n++ {
		info, found := a.rs.rules[n], b.FindRule(a.Rule(match.RuleNumber(n)))
		other, ok := rs.Rule(found)
		if stays := info.Rule.From == 80 || info.Rule.Peer.CIDR.Bits() == 8 ||
			info.Direction == conntrack.Egress; ok != stays {
			t.Errorf("rule %v: found %v, want %v", info.Rule, ok, stays)
		} else if ok && other.Rule.ID() != info.Rule.ID() {
			t.Errorf("rule %v is taken for %v", info.Rule, other.Rule)
		}
	}
	if b.FindRule(0) != match.NoRule || b.Rule(match.NoRule) != 0 || b.Rule(1<<20) != 0 {
		t.Error("no rule has an identity")
	}
	scope := rs.Attachments()[0].Scope
	if got := b.Attached()[b.Scope(scope)]; got != scope || len(b.Attached()) != 1 {
		t.Errorf("scope %d, want %d", got, scope)
	}
	if b.Scope(77) != 0 || b.Scope(scope) != a.Scope(a.rs.Attachments()[0].Scope) {
		t.Error("scopes without a device, or the same device, have wrong identities")
	}
	seen := make(map[Identity]scopeKey)
	for _, k := range []scopeKey{{device: "eth0"}, {device: "eth0", inward: conntrack.Egress},
		{shared: "eth0"}, {device: "eth1"}, {shared: "eth0", inward: conntrack.Egress}} {
		if last, ok := seen[k.identity()]; ok {
			t.Errorf("%+v and %+v are one", k, last)
		}
		seen[k.identity()] = k
	}
	if again := rs.Identities(b); again.Of(a.rs) || !again.Of(rs) || &again.rules[0] != &b.rules[0] {
		t.Error("rules of one generation are looked at twice")
	}
}

// TestTalliesGoOn: another engine counts on from where one was.
func TestTalliesGoOn(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(80, "0.0.0.0/0"), tcpRule(81, "0.0.0.0/0")))
	for i := range uint16(5) {
		b.in(tcp4(client, us, 1000+i, 81, 1, 0, conntrack.SYN))
		b.in(tcp4(client, us, 1000+i, 99, 1, 0, conntrack.SYN))
	}
	b.in(tcp4(client, us, 999, 80, 1, 0, conntrack.SYN))
	b.Ruleset().Attachments()[0].exceeded.Add(3)
	list := b.Tallies(b.Ruleset().Identities(nil))

	c := newBench(t, onePolicy(tcpRule(7, "0.0.0.0/0"), tcpRule(81, "0.0.0.0/0")))
	c.now = b.now
	c.AddTallies(c.Ruleset().Identities(nil), list)
	c.AddTallies(c.Ruleset().Identities(nil), nil)
	if h, _ := hitsOf(t, c.Engine, 81); h.Packets != 5 || h.Last != b.now {
		t.Errorf("port 81: %+v", h)
	}
	if h, _ := hitsOf(t, c.Engine, 7); h.Packets != 0 {
		t.Errorf("a rule that is new: %+v", h)
	}
	was, is := b.Counts(), c.Counts()
	for r, n := range was {
		if is[r] != n {
			t.Errorf("%v: %d packets, want %d", r, is[r], n)
		}
	}
	if was[ReasonNoRule] != 5 || was[ReasonRule] != 6 || len(is) != len(was) {
		t.Errorf("counts %v and %v", was, is)
	}
	if n := c.Ruleset().Attachments()[0].Exceeded(); n != 3 {
		t.Errorf("%d packets found no room, want 3", n)
	}
	if st := c.Flows().Stats(); st.Inserted != 6 {
		t.Errorf("flows: %+v", st)
	}
	c.in(tcp4(client, us, 2000, 81, 1, 0, conntrack.SYN))
	if h, _ := hitsOf(t, c.Engine, 81); h.Packets != 6 {
		t.Errorf("port 81 after one more: %+v", h)
	}
}
