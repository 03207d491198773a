package filter

import (
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
)

// TestHindsight: recorded packets are judged by other rules as they would be if they came
// again, whatever was decided then.
func TestHindsight(t *testing.T) {
	old, other := tcpRule(80, "0.0.0.0/0"), tcpRule(81, "0.0.0.0/0")
	b := newBench(t, onePolicy(old))
	tap := b.Tap(8, 64, anything)
	defer tap.Close()
	packets := [][]byte{
		tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN),
		tcp4(client, us, 40000, 81, 1, 0, conntrack.SYN),
		tcp4(client, us, 40000, 82, 1, 0, conntrack.SYN), udp4(client, us, 5000, 81),
	}
	for _, raw := range packets {
		b.in(raw)
	}
	list, _ := tap.Take()
	next := newBench(t, onePolicy(other))
	h := b.compiler.Fork().Compile(onePolicy(other), nil).WithLinks(testLinks).Hindsight()
	for i, raw := range packets {
		got, managed := h.Judge(&list[i].Record)
		want := next.in(raw)
		if !managed || got.Reason != want.Reason || got.Accept() == list[i].Verdict.Accept() && i < 2 {
			t.Errorf("packet %d: %s now, want %s; it was %s", i, got.Reason, want.Reason,
				list[i].Verdict.Reason)
		}
	}
	list[0].Device = "eth9"
	if _, managed := h.Judge(&list[0].Record); managed {
		t.Error("a device that the policy does not name is managed")
	}
}

// listed is a policy of one rule for everything in each direction, with a network ACL.
func listed(ingress, egress []policy.ACLRule) *policy.Policy {
	p := onePolicy(policy.DefaultEgress()...)
	p.Groups[0].Egress = policy.DefaultEgress()
	p.NetworkACLs = []policy.NetworkACL{{Name: "edge", Ingress: ingress, Egress: egress}}
	p.Interfaces[0].NetworkACL = "edge"
	return p
}

// TestHindsightOfAnswers: a packet that a network ACL allows and whose answer it denies is
// refused, by the verdict on the answer; one that begins nothing is answered by nobody.
func TestHindsightOfAnswers(t *testing.T) {
	all := policy.ACLRule{Number: 200, Action: policy.Allow, Protocol: policy.AllProtocols,
		From: -1, To: -1, CIDR: policy.AnyIPv4}
	high, reply := all, all
	high.Number, high.Action, high.Protocol, high.From, high.To = 100, policy.Deny, policy.TCP,
		40000, 40000
	reply.Number, reply.Action, reply.Protocol, reply.From, reply.To = 110, policy.Deny,
		policy.ICMP, 0, -1
	b := newBench(t, listed([]policy.ACLRule{all}, []policy.ACLRule{all}))
	tap := b.Tap(8, 64, anything)
	defer tap.Close()
	packets := []struct {
		raw     []byte
		answer  bool // is denied
		outward bool
		begins  bool
	}{
		{raw: tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN), answer: true, begins: true},
		{raw: tcp4(client, us, 40001, 80, 1, 0, conntrack.SYN), begins: true},
		{raw: tcp4(client, us, 40000, 81, 1, 1, conntrack.SYN|conntrack.ACK)},
		{raw: udp4(client, us, 40000, 80), begins: true},
		{raw: icmp4(client, us, 8, 0, 1<<16, nil), answer: true, begins: true},
		{raw: icmp4(client, us, 0, 0, 2<<16, nil)},
		{raw: tcp4(us, client, 80, 40002, 1, 0, conntrack.SYN), outward: true, begins: true},
	}
	for _, p := range packets {
		if p.outward {
			b.out(p.raw)
		} else {
			b.in(p.raw)
		}
	}
	list, _ := tap.Take()
	h := b.compiler.Fork().Compile(listed([]policy.ACLRule{all},
		[]policy.ACLRule{high, reply, all}), nil).WithLinks(testLinks).Hindsight()
	same := b.Ruleset().Hindsight()
	for i, p := range packets {
		r := &list[i].Record
		if v, managed := same.Judge(r); !managed || v.Reason != r.Verdict.Reason || !v.Accept() {
			t.Errorf("packet %d: %s by its own ruleset", i, v.Reason)
		}
		v, _ := h.Judge(r)
		if p.answer != (v.Reason == ReasonNetworkACL && v.Direction == conntrack.Egress &&
			v.Rule != 0) || p.answer == v.Accept() || r.Begins() != p.begins {
			t.Errorf("packet %d: %+v, begins %t", i, v, r.Begins())
		}
	}
}
