package filter

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/test/parity"
	"sgfw/test/wire"
)

// aclHits is how many packets each rule of the network ACL decided about, without those that
// were asked about none.
func (b *bench) aclHits() map[string]uint64 {
	out := make(map[string]uint64)
	for id, h := range b.Hits(b.Ruleset()) {
		if info := b.Ruleset().rules[id]; info.ACL != "" && h.Packets > 0 {
			out[fmt.Sprint(info.Direction, " ", info.Number)] = h.Packets
		}
	}
	return out
}

// asked expects the hits of the network ACL since the bench was made.
func (b *bench) asked(t *testing.T, want map[string]uint64) {
	t.Helper()
	if got := b.aclHits(); !maps.Equal(got, want) {
		t.Errorf("rules of the network ACL decided about %v, want %v", got, want)
	}
}

// TestNetworkACLIsAskedOnce: the rule that decides about a packet counts it once, whether it
// passes in the end or not; where the groups refuse what goes out, no rule was asked (N7).
func TestNetworkACLIsAskedOnce(t *testing.T) {
	parity.Proves(t, "N7")
	all := aclRule(100, policy.Allow, policy.AllProtocols, -1, -1, "0.0.0.0/0")
	deny := aclRule(7, policy.Deny, policy.UDP, 7, 7, "0.0.0.0/0")
	again := all // which is never reached
	again.Number = 200
	list := []policy.ACLRule{all, deny, again}
	p := withACL(list, list, tcpRule(443, "0.0.0.0/0"))
	p.Groups[0].Egress = []policy.Rule{{Protocol: policy.UDP, From: 0, To: 9,
		Peer: policy.Peer{CIDR: policy.AnyIPv4}}}
	b := newBench(t, p)
	expect(t, "in", b.in(tcp4(client, us, 40000, 443, 1, 0, conntrack.SYN)), ReasonRule)
	expect(t, "in, denied", b.in(udp4(client, us, 40000, 7)), ReasonNetworkACL)
	expect(t, "in, no rule", b.in(udp4(client, us, 40000, 80)), ReasonNoRule)
	b.asked(t, map[string]uint64{"ingress 100": 2, "ingress 7": 1})
	expect(t, "out", b.out(udp4(us, client, 40000, 9)), ReasonRule)
	expect(t, "out, of a flow", b.out(udp4(us, client, 40000, 9)), ReasonFlow)
	expect(t, "out, denied", b.out(udp4(us, client, 40000, 7)), ReasonNetworkACL)
	expect(t, "out, no rule", b.out(udp4(us, client, 40000, 80)), ReasonNoRule)
	b.asked(t, map[string]uint64{"ingress 100": 2, "ingress 7": 1, "egress 100": 2, "egress 7": 1})
}

// TestNetworkACLOfAFullTable: what goes out was asked about before the table had no room.
func TestNetworkACLOfAFullTable(t *testing.T) {
	all := aclRule(100, policy.Allow, policy.AllProtocols, -1, -1, "0.0.0.0/0")
	b := newBench(t, withACL([]policy.ACLRule{all}, []policy.ACLRule{all}, tcpRule(80, "0.0.0.0/0")))
	sent := uint64(0)
	for i := 0; ; i++ {
		if i == 2000 {
			t.Fatal("the table took 2000 flows")
		}
		peer := [4]byte{10, 0, byte(i >> 8), byte(i)}
		v := b.out(tcp4(us, peer, 40000, 80, 1, 0, conntrack.SYN))
		sent++
		if v.Reason == ReasonTableFull {
			break
		}
		b.in(tcp4(peer, us, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK))
		b.out(tcp4(us, peer, 40000, 80, 2, 10, conntrack.ACK))
		sent++
	}
	if got := b.aclHits()["egress 100"]; got != sent {
		t.Errorf("egress rule 100 decided about %d packets, want all %d", got, sent)
	}
}

// TestNetworkACLSparesExempt: exempt services and failsafes pass whatever the list says, and
// no rule of it is asked (N11).
func TestNetworkACLSparesExempt(t *testing.T) {
	parity.Proves(t, "N11")
	p := withACL(nil, nil)
	p.Settings.Exempt = p.Settings.Exempt.With(policy.ExemptTime)
	b := newBench(t, p)
	expect(t, "question to the time server", b.out(udp4(us, timeServer, 123, 123)), ReasonExemptTime)
	expect(t, "its answer", b.in(udp4(timeServer, us, 123, 123)), ReasonExemptTime)
	// The groups permit everything that goes out.
	expect(t, "DHCP request", b.out(udp4(us, [4]byte{192, 0, 2, 254}, 68, 67)), ReasonRule)
	expect(t, "DHCP answer", b.in(udp4([4]byte{192, 0, 2, 253}, us, 67, 68)), ReasonFailsafe)
	b.asked(t, map[string]uint64{})
	expect(t, "any other", b.out(udp4(us, client, 123, 123)), ReasonNetworkACL)
	b.asked(t, map[string]uint64{"egress 32767": 1})
}

// TestNetworkACLFamilies: a rule for everybody of one family, or for its ICMP, says nothing
// about the other (N5).
func TestNetworkACLFamilies(t *testing.T) {
	parity.Proves(t, "N5")
	from := netip.MustParseAddrPort("[2001:db8::7]:40000")
	to := netip.MustParseAddrPort("[2001:db8:1::1]:53")
	rule := func(number int, proto policy.Protocol, cidr string) policy.ACLRule {
		return aclRule(number, policy.Allow, proto, -1, -1, cidr)
	}
	for name, c := range map[string]struct {
		rules        []policy.ACLRule
		four, six    Reason // of UDP
		ping4, ping6 Reason
	}{
		"IPv4": {[]policy.ACLRule{rule(1, policy.AllProtocols, "0.0.0.0/0")}, ReasonNoRule,
			ReasonNetworkACL, ReasonNoRule, ReasonNetworkACL},
		"IPv6": {[]policy.ACLRule{rule(1, policy.AllProtocols, "::/0")}, ReasonNetworkACL,
			ReasonNoRule, ReasonNetworkACL, ReasonNoRule},
		"ICMP of each": {[]policy.ACLRule{rule(1, policy.ICMP, "0.0.0.0/0"),
			rule(2, policy.ICMPv6, "::/0")},
			ReasonNetworkACL, ReasonNetworkACL, ReasonNoRule, ReasonNoRule},
		"ICMP of the other": {[]policy.ACLRule{rule(1, policy.ICMP, "::/0"),
			rule(2, policy.ICMPv6, "0.0.0.0/0")},
			ReasonNetworkACL, ReasonNetworkACL, ReasonNetworkACL, ReasonNetworkACL},
	} {
		p := withACL(c.rules, nil)
		b := newBench(t, p)
		expect(t, name+": UDP", b.in(udp4(client, us, 40000, 53)), c.four)
		expect(t, name+": UDP over IPv6", b.in(wire.UDP(from, to, nil)), c.six)
		ping := wire.Echo(netip.AddrFrom4(client), netip.AddrFrom4(us), 1, 1, nil)
		expect(t, name+": ping", b.in(ping), c.ping4)
		expect(t, name+": ping6", b.in(wire.Echo(from.Addr(), to.Addr(), 1, 1, nil)), c.ping6)
	}
}

// TestNetworkACLIsNotRiddenPast: the kernel carries a flow where the list allows both of its
// directions, and what it carried counts for the rules that allow it.
func TestNetworkACLIsNotRiddenPast(t *testing.T) {
	all := []policy.ACLRule{aclRule(100, policy.Allow, policy.AllProtocols, -1, -1, "0.0.0.0/0")}
	others := append(slices.Clone(all), aclRule(9, policy.Deny, policy.UDP, 40000, 40000, "0.0.0.0/0"))
	udp := policy.Rule{Protocol: policy.UDP, From: 53, To: 53, Peer: policy.Peer{CIDR: policy.AnyIPv4}}
	path := Path{In: 2, Src: conntrack.AddrFrom(netip.AddrFrom4(client)),
		Dst: conntrack.AddrFrom(netip.AddrFrom4(us)), SrcPort: 40000, DstPort: 53, Proto: wire.ProtoUDP}
	for name, c := range map[string]struct {
		ingress, egress []policy.ACLRule
		carried         bool
	}{
		"both allowed":       {all, all, true},
		"answers are denied": {all, others, false},
		"no rule for them":   {all, nil, false},
		"another is denied":  {others, all, true},
	} {
		p := withACL(c.ingress, c.egress, udp)
		b := newBench(t, p)
		b.Engine = NewEngine(Config{MaxFlows: 1000, Offload: true,
			Rooms: Rooms{conntrack.CarryOpening: {Flows: 100, Lifetime: time.Minute}},
			Clock: func() conntrack.Time { return b.now }}, b.compiler.Compile(p, nil).WithLinks(testLinks))
		b.Worker = b.NewWorker()
		expect(t, name, b.in(udp4(client, us, 40000, 53)), ReasonRule)
		if got := b.Carriage() != conntrack.CarryNone; got != c.carried {
			t.Errorf("%s: carried: %t, want %t", name, got, c.carried)
		}
		b.Begin()
		b.Credit(path, conntrack.Seen{Packets: 4, Bytes: 200}) // with the one that was judged
		b.End()
		want := uint64(5)
		if c.carried {
			want = 4
		}
		b.asked(t, map[string]uint64{"ingress 100": want})
	}
}
