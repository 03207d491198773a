package filter

import (
	"net/netip"
	"slices"
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
)

func query(d conntrack.Direction, src, dst string, port uint16) Query {
	return Query{
		Device: "eth0", Direction: d, Protocol: conntrack.ProtoTCP,
		Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), SrcPort: 40000, DstPort: port,
	}
}

// TestExplain: the deciding rule, or the nearest miss and the field that
// differed, and what happens to the answer (A4).
func TestExplain(t *testing.T) {
	office := tcpRule(22, "198.51.100.0/24")
	office.Description = "Office"
	p := onePolicy(office, tcpRule(443, "0.0.0.0/0"))
	b := newBench(t, p)
	explain := func(q Query) Explanation { return Explain(b.Ruleset(), b.Flows(), b.Engine.Now(), q) }

	x := explain(query(conntrack.Ingress, "198.51.100.7", "192.0.2.1", 22))
	if !x.Managed || !x.Verdict.Accept() || x.Rule == nil || x.Rule.Rule.Description != "Office" ||
		len(x.Misses) != 0 || x.Code != "" {
		t.Errorf("permitted: %+v", x)
	}
	if x.Reply.Reason != ReasonFlow || x.ReplyAlone.Reason != ReasonNotAFlow {
		t.Errorf("the answer: %s with the flow, %s alone", x.Reply.Reason, x.ReplyAlone.Reason)
	}
	if len(x.Groups) != 1 || x.Groups[0] != (GroupTried{Name: "one", Rules: 2, Permits: true}) {
		t.Errorf("groups %+v", x.Groups)
	}
	if b.Flows().Len() != 0 {
		t.Error("an explanation opened a flow")
	}

	for _, c := range []struct {
		what  string
		q     Query
		field string
		want  string
	}{
		// one field off from the second rule, too
		{"another peer", query(conntrack.Ingress, "203.0.113.1", "192.0.2.1", 22), "port", "443"},
		{"another port", query(conntrack.Ingress, "203.0.113.1", "192.0.2.1", 444), "port", "443"},
		{"IPv6", query(conntrack.Ingress, "2001:db8::1", "2001:db8::2", 443), "family",
			"IPv4 (0.0.0.0/0)"},
	} {
		x := explain(c.q)
		if x.Verdict.Reason != ReasonNoRule || x.Code != CodeRulesMismatch || x.Rule != nil ||
			len(x.Misses) == 0 {
			t.Errorf("%s: %+v", c.what, x)
			continue
		}
		found := false
		for _, m := range x.Misses {
			found = found || len(m.Fields) == 1 && m.Fields[0].Field == c.field && m.Fields[0].Want == c.want
		}
		if !found {
			t.Errorf("%s: nearest misses %+v, want %s %s", c.what, x.Misses, c.field, c.want)
		}
		if x.Reply.Accept() {
			t.Errorf("%s: the answer to a dropped packet passes: %s", c.what, x.Reply.Reason)
		}
	}

	x = explain(query(conntrack.Egress, "192.0.2.1", "203.0.113.1", 443))
	if x.Verdict.Reason != ReasonNoRule || x.Code != CodeNoRules {
		t.Errorf("egress without rules: %+v", x)
	}
	if x := explain(Query{Device: "docker0"}); x.Managed {
		t.Errorf("an unmanaged device is explained: %+v", x)
	}
}

// TestExplainNearest: a rule about something else is no near miss beside one about the
// packet's own protocol and family, but one that lacks nothing else is.
func TestExplainNearest(t *testing.T) {
	six := tcpRule(443, "::/0")
	dns := tcpRule(53, "198.51.100.0/24")
	dns.Protocol = policy.UDP
	ping := dns
	ping.Protocol, ping.From, ping.To = policy.ICMP, -1, -1
	b := newBench(t, onePolicy(six, dns, ping, tcpRule(22, "192.0.2.0/24")))
	near := func(port uint16) (out []int) {
		x := Explain(b.Ruleset(), b.Flows(), b.Engine.Now(),
			query(conntrack.Ingress, "198.51.100.7", "192.0.2.1", port))
		for _, m := range x.Misses {
			out = append(out, m.Rule.Rule.From)
		}
		return out
	}
	for port, want := range map[uint16][]int{444: {22}, 443: {443, 22}, 53: {53, 22}} {
		if got := near(port); !slices.Equal(got, want) {
			t.Errorf("nearest to port %d: the rules of ports %v, want %v", port, got, want)
		}
	}
	b = newBench(t, onePolicy(six, dns, ping))
	if got := near(444); len(got) != 3 {
		t.Errorf("without a rule of its kind: the rules of ports %v, want all", got)
	}
}

// TestExplainFlow: a live flow decides before the rules, with the rule that
// opened it, also when that is gone.
func TestExplainFlow(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(443, "0.0.0.0/0")))
	b.in(tcp4(client, us, 40000, 443, 1, 0, conntrack.SYN))
	b.apply(onePolicy())
	q := query(conntrack.Egress, "192.0.2.1", "198.51.100.7", 40000)
	q.SrcPort, q.Flags = 443, conntrack.SYN|conntrack.ACK
	x := Explain(b.Ruleset(), b.Flows(), b.Engine.Now(), q)
	if x.Verdict.Reason != ReasonFlow || x.Flow == nil || x.Rule == nil || !x.Rule.Gone ||
		x.Rule.Rule.From != 443 {
		t.Errorf("%+v, flow %+v, rule %+v", x.Verdict, x.Flow, x.Rule)
	}
	if x := Explain(b.Ruleset(), nil, b.Engine.Now(), q); x.Verdict.Reason != ReasonNotAFlow {
		t.Errorf("without the table: %s", x.Verdict.Reason)
	}
}

// TestExplainFailsafe: a failsafe passes with empty rules, a forged one does not (X3).
func TestExplainFailsafe(t *testing.T) {
	b := newBench(t, &policy.Policy{
		Groups: []policy.Group{{Name: "none"}},
		Interfaces: []policy.Interface{
			{Device: "eth0", Groups: []string{"none"}, Timeouts: policy.DefaultTimeouts}},
		Settings: policy.DefaultSettings,
	})
	q := Query{
		Device: "eth0", Direction: conntrack.Ingress, Protocol: conntrack.ProtoICMPv6, ICMPType: 135,
		HopLimit: 255,
		Src:      netip.MustParseAddr("fe80::1"), Dst: netip.MustParseAddr("ff02::1:ff00:1"),
	}
	if x := Explain(b.Ruleset(), nil, 0, q); x.Failsafe != policy.NeighbourDiscovery ||
		x.Verdict.Reason != ReasonFailsafe {
		t.Errorf("neighbour solicitation: %s, %s", x.Failsafe, x.Verdict.Reason)
	}
	q.HopLimit = 64 // came through a router: forged
	if x := Explain(b.Ruleset(), nil, 0, q); x.Failsafe != policy.NoFailsafe ||
		x.Verdict.Reason != ReasonNoRule {
		t.Errorf("with hop limit 64: %s, %s", x.Failsafe, x.Verdict.Reason)
	}
}
