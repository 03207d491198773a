package filter

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/policy/member"
	"sgfw/test/parity"
)

// naiveACL is the network ACL once more, slow and obvious: of the rules whose CIDR, protocol
// and port fit, the one with the lowest number decides, and without any the packet is denied.
func naiveACL(n *policy.NetworkACL, d conntrack.Direction, q Query) (*policy.ACLRule, bool) {
	peer := q.Src
	if d == conntrack.Egress {
		peer = q.Dst
	}
	var first *policy.ACLRule
	for i := range n.Rules(policy.Direction(d)) {
		r := &n.Rules(policy.Direction(d))[i]
		as := r.AsRule()
		if r.CIDR.Contains(peer) && naiveProtocol(as, q) && (first == nil || r.Number < first.Number) {
			first = r
		}
	}
	return first, first != nil && first.Action == policy.Allow
}

func randomACL(rng *rand.Rand) policy.NetworkACL {
	n := policy.NetworkACL{Name: "edge"}
	for _, list := range []*[]policy.ACLRule{&n.Ingress, &n.Egress} {
		for _, number := range rng.Perm(60)[:rng.IntN(40)] {
			as := randomRule(rng)
			*list = append(*list, policy.ACLRule{Number: number + 1,
				Action: policy.ACLAction(rng.IntN(2)), Protocol: as.Protocol, From: as.From, To: as.To,
				CIDR: randomPrefix(rng, rng.IntN(2) == 0)})
		}
	}
	return n
}

// TestNetworkACLAgainstNaive compares the compiled list with the naive one, together with
// groups: what comes in meets the list first, what goes out meets it last (N7).
func TestNetworkACLAgainstNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	count := make(map[Reason]int)
	for range 200 {
		p := randomPolicy(rng)
		p.NetworkACLs = []policy.NetworkACL{randomACL(rng)}
		for i := range p.Interfaces {
			p.Interfaces[i].NetworkACL = "edge"
		}
		m := member.Resolve(p, member.Facts{})
		rs := Compile(p, m)
		for range 300 {
			q := randomQuery(rng, p)
			pkt := q.packet()
			if FailsafeOf(&pkt, q.Direction) != policy.NoFailsafe {
				continue
			}
			a := rs.Device(q.Device)
			rule, allows := naiveACL(&p.NetworkACLs[0], q.Direction, q)
			permits := naivePermits(p, m, a.Interface().Groups, q.Direction, q)
			v := byRules(a, q.Direction, &pkt)
			count[v.Reason]++
			if v.Accept() != (allows && permits) {
				t.Fatalf("%+v: %s, want list %t and groups %t", q, v.Reason, allows, permits)
			}
			byList := !allows && (permits || q.Direction == conntrack.Ingress)
			if (v.Reason == ReasonNetworkACL) != byList {
				t.Fatalf("%+v: %s, want by the list: %t", q, v.Reason, byList)
			}
			if !byList {
				continue
			}
			info, _ := rs.Rule(v.Rule)
			want := policy.LastACLNumber(policy.IPv4)
			if q.Src.Is6() {
				want = policy.LastACLNumber(policy.IPv6)
			}
			if rule != nil {
				want = rule.Number
			}
			if info.ACL != "edge" || info.Number != want || info.Direction != q.Direction {
				t.Fatalf("%+v: by rule %+v, want %d", q, info, want)
			}
		}
	}
	for _, r := range []Reason{ReasonRule, ReasonNoRule, ReasonNetworkACL} {
		if count[r] < 1000 {
			t.Errorf("%s: only %d times", r, count[r])
		}
	}
}

// withACL is onePolicy with a network ACL, which has these rules in both directions unless
// they say otherwise.
func withACL(ingress, egress []policy.ACLRule, rules ...policy.Rule) *policy.Policy {
	p := onePolicy(rules...)
	p.Groups[0].Egress = policy.DefaultEgress()
	p.NetworkACLs = []policy.NetworkACL{{Name: "edge", Ingress: ingress, Egress: egress}}
	p.Interfaces[0].NetworkACL = "edge"
	return p
}

func aclRule(number int, action policy.ACLAction, proto policy.Protocol, from, to int,
	cidr string) policy.ACLRule {
	return policy.ACLRule{Number: number, Action: action, Protocol: proto, From: from, To: to,
		CIDR: netip.MustParsePrefix(cidr)}
}

// TestNetworkACLIsStateless: an answer needs a rule of its own (N1), and a deny that comes
// while a flow lives stops it at once and leaves it to run out (N7).
func TestNetworkACLIsStateless(t *testing.T) {
	all := []policy.ACLRule{aclRule(100, policy.Allow, policy.AllProtocols, -1, -1, "0.0.0.0/0")}
	web := tcpRule(443, "198.51.100.0/24")
	b := newBench(t, withACL(all, nil, web))
	syn := tcp4(client, us, 40000, 443, 1, 0, conntrack.SYN)
	synAck := tcp4(us, client, 443, 40000, 9, 2, conntrack.SYN|conntrack.ACK)
	expect(t, "SYN", b.in(syn), ReasonRule)
	expect(t, "SYN-ACK without a rule for it", b.out(synAck), ReasonNetworkACL)
	b.apply(withACL(all, all, web))
	expect(t, "SYN-ACK with one", b.out(synAck), ReasonFlow)

	// The number decides, not the place: the deny stands behind the allow and before it.
	deny := aclRule(50, policy.Deny, policy.TCP, 443, 443, "198.51.100.0/24")
	b.apply(withACL(append(slices.Clone(all), deny), all, web))
	ack := tcp4(client, us, 40000, 443, 2, 10, conntrack.ACK)
	expect(t, "a packet of the flow", b.in(ack), ReasonNetworkACL)
	if n := b.Flows().Len(); n != 1 {
		t.Errorf("%d flows, want the one that runs out", n)
	}
	hits := b.Hits(b.Ruleset())[b.Last().Rule].Packets
	if info, _ := b.Ruleset().Rule(b.Last().Rule); info.Number != 50 || hits != 1 {
		t.Errorf("rule %d has %d hits, want rule 50 with 1", info.Number, hits)
	}
	b.apply(withACL(all, all, web))
	expect(t, "a packet of the flow, allowed again", b.in(ack), ReasonFlow)
}

// TestNetworkACLStartsNoFlow: what the list denies on its way out begins no flow, so that no
// answer passes.
func TestNetworkACLStartsNoFlow(t *testing.T) {
	all := []policy.ACLRule{aclRule(100, policy.Allow, policy.AllProtocols, -1, -1, "0.0.0.0/0")}
	none := []policy.ACLRule{aclRule(1, policy.Deny, policy.UDP, 53, 53, "0.0.0.0/0"), all[0]}
	b := newBench(t, withACL(all, none))
	expect(t, "question", b.out(udp4(us, client, 40000, 53)), ReasonNetworkACL)
	expect(t, "answer", b.in(udp4(client, us, 53, 40000)), ReasonNoRule)
	expect(t, "another question", b.out(udp4(us, client, 40000, 123)), ReasonRule)
	expect(t, "its answer", b.in(udp4(client, us, 123, 40000)), ReasonFlow)
}

// TestNetworkACLAndErrors: an ICMP error about a live flow needs a rule of the list (N9).
func TestNetworkACLAndErrors(t *testing.T) {
	parity.Proves(t, "N9")
	tcp := []policy.ACLRule{aclRule(100, policy.Allow, policy.TCP, 0, 65535, "0.0.0.0/0")}
	icmp := append(slices.Clone(tcp), aclRule(200, policy.Allow, policy.ICMP, 3, 4, "0.0.0.0/0"))
	b := newBench(t, withACL(tcp, tcp))
	syn := tcp4(us, client, 40000, 443, 1, 0, conntrack.SYN)
	expect(t, "SYN", b.out(syn), ReasonRule)
	tooBig := icmp4(other, us, 3, 4, 1400, syn)
	expect(t, "error without a rule", b.in(tooBig), ReasonNetworkACL)
	b.apply(withACL(icmp, tcp))
	expect(t, "error with one", b.in(tooBig), ReasonRelated)
	expect(t, "another error", b.in(icmp4(other, us, 3, 1, 0, syn)), ReasonNetworkACL)
}

// TestNetworkACLDecisionAllocates: nothing on the packet path does.
func TestNetworkACLDecisionAllocates(t *testing.T) {
	all := []policy.ACLRule{aclRule(100, policy.Allow, policy.AllProtocols, -1, -1, "0.0.0.0/0")}
	b := newBench(t, withACL(all, all, tcpRule(443, "0.0.0.0/0")))
	syn := tcp4(client, us, 40000, 443, 1, 0, conntrack.SYN)
	if n := testing.AllocsPerRun(100, func() { b.in(syn) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}
