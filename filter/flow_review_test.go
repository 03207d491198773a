package filter

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/policy"
)

// revoke ends the flows that have the standing.
func (b *bench) revoke(s Standing) (n int) {
	review := b.Ruleset().Review()
	b.Flows().Range(b.now, func(f conntrack.FlowInfo) bool {
		if review.Standing(&f) == s && b.Flows().Revoke(&f, b.now) {
			n++
		}
		return true
	})
	return n
}

// TestRevokedFlowIsCut: a flow whose rule is gone is cut with its next packet in
// both directions, though egress rules would permit its segments mid-stream (T22).
func TestRevokedFlowIsCut(t *testing.T) {
	everywhere := policy.Rule{Protocol: policy.AllProtocols, From: -1, To: -1,
		Peer: policy.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}
	with := func(ingress ...policy.Rule) *policy.Policy {
		p := onePolicy(ingress...)
		p.Groups[0].Egress = []policy.Rule{everywhere}
		return p
	}
	ssh := tcpRule(22, "198.51.100.7/32")
	b := newBench(t, with(ssh, tcpRule(443, "198.51.100.7/32")))
	for _, port := range []uint16{22, 443} {
		expect(t, "SYN", b.in(tcp4(client, us, 40000, port, 1, 0, conntrack.SYN)), ReasonRule)
		b.out(tcp4(us, client, port, 40000, 9, 2, conntrack.SYN|conntrack.ACK))
		b.in(tcp4(client, us, 40000, port, 2, 10, conntrack.ACK))
	}
	b.apply(with(ssh))
	expect(t, "an orphan", b.in(tcp4(client, us, 40000, 443, 2, 10, conntrack.ACK)), ReasonFlow)
	if n := b.revoke(StandingOrphan); n != 1 {
		t.Fatalf("revoked %d flows, want 1", n)
	}
	for range 2 {
		expect(t, "in", b.in(tcp4(client, us, 40000, 443, 2, 10, conntrack.ACK)), ReasonRevoked)
		expect(t, "out, which a rule permits", b.out(tcp4(us, client, 443, 40000, 10, 2, conntrack.ACK)),
			ReasonRevoked)
	}
	expect(t, "an error about it",
		b.in(icmp4(other, us, 3, 1, 0, tcp4(us, client, 443, 40000, 10, 2, conntrack.ACK))), ReasonNoRule)
	expect(t, "a new SYN", b.in(tcp4(client, us, 40000, 443, 1, 0, conntrack.SYN)), ReasonNoRule)
	expect(t, "the other flow in", b.in(tcp4(client, us, 40000, 22, 2, 10, conntrack.ACK)), ReasonFlow)
	expect(t, "the other flow out", b.out(tcp4(us, client, 22, 40000, 10, 2, conntrack.ACK)),
		ReasonFlow)

	// Rules that permit the flow do not bring it back; a new connection they do.
	if n := b.revoke(StandingPermitted); n != 1 {
		t.Fatalf("revoked %d flows, want 1", n)
	}
	expect(t, "mid-stream, which a rule permits",
		b.in(tcp4(client, us, 40000, 22, 2, 10, conntrack.ACK)), ReasonRevoked)
	expect(t, "a new SYN", b.in(tcp4(client, us, 40000, 22, 7000, 0, conntrack.SYN)), ReasonRule)
	expect(t, "its answer", b.out(tcp4(us, client, 22, 40000, 9, 7001, conntrack.SYN|conntrack.ACK)),
		ReasonFlow)
	expect(t, "its data", b.in(tcp4(client, us, 40000, 22, 7001, 10, conntrack.ACK)), ReasonFlow)
}

// TestRevokedDatagrams: the answers of a revoked UDP flow do not pass, questions
// are for the rules.
func TestRevokedDatagrams(t *testing.T) {
	dns := policy.Rule{Protocol: policy.UDP, From: 53, To: 53,
		Peer: policy.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}
	all := policy.Rule{Protocol: policy.AllProtocols, From: -1, To: -1, Peer: dns.Peer}
	p := onePolicy(dns)
	p.Groups[0].Egress = []policy.Rule{all}
	b := newBench(t, p)
	expect(t, "question", b.in(udp4(client, us, 5000, 53)), ReasonRule)
	if n := b.revoke(StandingPermitted); n != 1 {
		t.Fatalf("revoked %d flows, want 1", n)
	}
	expect(t, "answer", b.out(udp4(us, client, 53, 5000)), ReasonRevoked)
	expect(t, "question again", b.in(udp4(client, us, 5000, 53)), ReasonRule)
	expect(t, "its answer", b.out(udp4(us, client, 53, 5000)), ReasonFlow)
	b.revoke(StandingPermitted)
	b.wait(31 * time.Second)
	expect(t, "a datagram when the flow would have ended", b.out(udp4(us, client, 53, 5000)),
		ReasonRule)
}

// TestStandingIsWhatJudgeSays compares, for random flows, the review with the
// verdict on the packet that opened them.
func TestStandingIsWhatJudgeSays(t *testing.T) {
	icmp := policy.Rule{Protocol: policy.ICMP, From: 8, To: -1,
		Peer: policy.Peer{CIDR: netip.MustParsePrefix("198.51.100.0/24")}}
	gre := policy.Rule{Protocol: 47, From: -1, To: -1, Peer: icmp.Peer}
	udp := policy.Rule{Protocol: policy.UDP, From: 2, To: 3, Peer: icmp.Peer}
	half := onePolicy(tcpRule(2, "0.0.0.0/0"), udp, icmp, gre)
	half.Groups[0].Egress = []policy.Rule{tcpRule(3, "198.51.100.0/24"), gre}
	all := policy.Rule{Protocol: policy.AllProtocols, From: -1, To: -1,
		Peer: policy.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}
	open := onePolicy(all)
	open.Groups[0].Egress = []policy.Rule{all}

	seen := map[Standing]int{}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := newBench(t, open)
		q := Query{
			Device: "eth0", Direction: conntrack.Direction(rnd.IntN(2)),
			Protocol: []uint8{1, 6, 17, 47}[rnd.IntN(4)],
			SrcPort:  uint16(rnd.IntN(4)), DstPort: uint16(rnd.IntN(5)),
			ICMPType: []uint8{8, 13}[rnd.IntN(2)], ICMPID: 3,
			Src: netip.AddrFrom4([][4]byte{client, other}[rnd.IntN(2)]), Dst: netip.AddrFrom4(us),
		}
		if q.Direction == conntrack.Egress {
			q.Src, q.Dst = q.Dst, q.Src
		}
		pkt := q.packet()
		var s conntrack.PacketMeta
		fillMeta(&s, &pkt, q.Direction)
		a := b.Ruleset().Device("eth0")
		var k conntrack.Tuple
		if !flowTuple(&k, a, HookInput, q.Direction, &pkt) {
			t.Fatalf("no flow of %+v", q)
		}
		cell := b.Flows().Lock(&k, b.now)
		d := Judge(a, HookInput, &pkt, &s, nil)
		d.Commit(&cell, a, &s, b.now)
		cell.Unlock()
		b.apply(half)
		want := StandingOrphan
		if x := Explain(b.Ruleset(), nil, 0, q); x.Verdict.Accept() {
			want = StandingPermitted
		}
		n := 0
		b.Flows().Range(b.now, func(f conntrack.FlowInfo) bool {
			n++
			if got := b.Ruleset().Review().Standing(&f); got != want {
				t.Errorf("%+v: standing %d, want %d", q, got, want)
			}
			return true
		})
		if n != 1 {
			t.Fatalf("%d flows of %+v", n, q)
		}
		seen[want]++
	}
	if seen[StandingOrphan] < 300 || seen[StandingPermitted] < 300 {
		t.Errorf("the sample is lopsided: %v", seen)
	}
}

// TestStandingOfOtherDevices: what is not managed is no orphan.
func TestStandingOfOtherDevices(t *testing.T) {
	b := newBench(t, onePolicy(tcpRule(22, "0.0.0.0/0")))
	b.in(tcp4(client, us, 40000, 22, 1, 0, conntrack.SYN))
	p := onePolicy()
	p.Interfaces[0].Device = "eth1"
	b.apply(p)
	if n := b.revoke(StandingUnmanaged); n != 1 {
		t.Errorf("%d flows of a device that is managed no more, want 1", n)
	}
	if n := b.revoke(StandingRevoked); n != 0 {
		t.Errorf("%d flows revoked again", n)
	}
}
