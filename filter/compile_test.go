package filter

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/member"
)

// naivePermits is the compiled rules once more, slow and obvious, written from
// docs/aws.md alone: any rule of any attached group (R4, D6) whose protocol,
// destination port or type and code, and peer fit.
func naivePermits(p *policy.Policy, m *member.Membership, groups []string, d conntrack.Direction,
	q Query) bool {
	for _, g := range p.Groups {
		if !slices.Contains(groups, g.Name) {
			continue
		}
		rules, peer := g.Ingress, q.Src
		if d == conntrack.Egress {
			rules, peer = g.Egress, q.Dst
		}
		for _, r := range rules {
			if naiveProtocol(r, q) && naivePeer(p, m, r.Peer, peer) {
				return true
			}
		}
	}
	return false
}

func naiveProtocol(r policy.Rule, q Query) bool {
	if r.Protocol == policy.AllProtocols {
		return true
	}
	if int(r.Protocol) != int(q.Protocol) {
		return false
	}
	switch r.Protocol {
	case policy.TCP, policy.UDP:
		return r.From <= int(q.DstPort) && int(q.DstPort) <= r.To
	case policy.ICMP, policy.ICMPv6:
		if q.Src.Is4() != (r.Protocol == policy.ICMP) {
			return false // R12: not that ICMP
		}
		return (r.From == -1 || r.From == int(q.ICMPType)) && (r.To == -1 || r.To == int(q.ICMPCode))
	}
	return true
}

func naivePeer(p *policy.Policy, m *member.Membership, peer policy.Peer, a netip.Addr) bool {
	switch peer.Kind {
	case policy.PeerCIDR:
		return peer.CIDR.Contains(a)
	case policy.PeerPrefixList:
		for _, l := range p.PrefixLists {
			if l.Name == peer.Name {
				return slices.ContainsFunc(l.Entries,
					func(e policy.PrefixEntry) bool { return e.CIDR.Contains(a) })
			}
		}
		return false
	default:
		return slices.ContainsFunc(m.Addresses(peer.Name),
			func(p netip.Prefix) bool { return p.Contains(a) })
	}
}

// randomPolicy has few groups with many rules out of small ranges, so that
// most questions come near some rule.
func randomPolicy(rng *rand.Rand) *policy.Policy {
	p := &policy.Policy{Settings: policy.DefaultSettings}
	for i := range 3 {
		l := policy.PrefixList{Name: fmt.Sprintf("list%d", i)}
		for range rng.IntN(5) {
			l.Entries = append(l.Entries, policy.PrefixEntry{CIDR: randomPrefix(rng, i == 1)})
		}
		p.PrefixLists = append(p.PrefixLists, l)
	}
	for i := range 4 {
		g := policy.Group{Name: fmt.Sprintf("group%d", i)}
		for range rng.IntN(12) {
			g.Ingress = append(g.Ingress, randomRule(rng))
		}
		for range rng.IntN(12) {
			g.Egress = append(g.Egress, randomRule(rng))
		}
		p.Groups = append(p.Groups, g)
		p.Remotes = append(p.Remotes, policy.Remote{
			Name: g.Name, Groups: []string{g.Name},
			Addresses: []netip.Addr{randomPeer(rng, false), randomPeer(rng, true)},
		})
	}
	for i := range 3 {
		in := policy.Interface{Device: fmt.Sprintf("eth%d", i), Timeouts: policy.DefaultTimeouts}
		for _, g := range p.Groups {
			if rng.IntN(2) == 0 {
				in.Groups = append(in.Groups, g.Name)
			}
		}
		rng.Shuffle(len(in.Groups), func(a, b int) {
			in.Groups[a], in.Groups[b] = in.Groups[b], in.Groups[a]
		})
		p.Interfaces = append(p.Interfaces, in)
	}
	return p
}

func randomPrefix(rng *rand.Rand, v6 bool) netip.Prefix {
	bits := []int{0, 8, 16, 22, 24, 30, 32}
	if v6 {
		bits = []int{0, 32, 48, 63, 64, 65, 127, 128}
	}
	return netip.PrefixFrom(randomPeer(rng, v6), bits[rng.IntN(len(bits))]).Masked()
}

func randomRule(rng *rand.Rand) policy.Rule {
	r := policy.Rule{From: -1, To: -1}
	switch rng.IntN(8) {
	case 0:
		r.Protocol = policy.AllProtocols
	case 1:
		r.Protocol = policy.Protocol([]int{0, 2, 47, 50, 132, 255}[rng.IntN(6)])
	case 2, 3:
		r.Protocol = policy.ICMP
		if rng.IntN(2) == 0 {
			r.Protocol = policy.ICMPv6
		}
		if rng.IntN(3) > 0 {
			r.From = []int{0, 3, 8, 128, 129, 255}[rng.IntN(6)]
			if rng.IntN(2) == 0 {
				r.To = rng.IntN(5)
			}
		}
	default:
		r.Protocol = policy.TCP
		if rng.IntN(2) == 0 {
			r.Protocol = policy.UDP
		}
		a, b := rng.IntN(12), rng.IntN(12)
		r.From, r.To = min(a, b), max(a, b)
		if rng.IntN(8) == 0 {
			r.From, r.To = 0, 65535
		}
	}
	switch rng.IntN(5) {
	case 0:
		// list3 is unknown
		r.Peer = policy.Peer{Kind: policy.PeerPrefixList, Name: fmt.Sprintf("list%d", rng.IntN(4))}
	case 1:
		// group4 is unknown (R33)
		r.Peer = policy.Peer{Kind: policy.PeerGroup, Name: fmt.Sprintf("group%d", rng.IntN(5))}
	default:
		r.Peer = policy.Peer{Kind: policy.PeerCIDR, CIDR: randomPrefix(rng, rng.IntN(2) == 0)}
	}
	return r
}

func randomQuery(rng *rand.Rand, p *policy.Policy) Query {
	v6 := rng.IntN(2) == 0
	q := Query{
		Device:    fmt.Sprintf("eth%d", rng.IntN(3)),
		Direction: conntrack.Direction(rng.IntN(2)),
		Protocol:  []uint8{6, 6, 6, 17, 17, 1, 58, 0, 2, 47, 50, 132, 255}[rng.IntN(13)],
		Src:       randomPeer(rng, v6), Dst: randomPeer(rng, v6),
		SrcPort: uint16(rng.IntN(12)), DstPort: uint16(rng.IntN(13)),
		ICMPType: []uint8{0, 3, 8, 128, 129, 255}[rng.IntN(6)], ICMPCode: uint8(rng.IntN(6)),
	}
	if rng.IntN(3) == 0 { // a member of some group
		a := p.Remotes[rng.IntN(len(p.Remotes))].Addresses[0]
		if v6 {
			a = p.Remotes[rng.IntN(len(p.Remotes))].Addresses[1]
		}
		if q.Direction == conntrack.Ingress {
			q.Src = a
		} else {
			q.Dst = a
		}
	}
	return q
}

// TestCompileAgainstNaive compares the compiled rules with the naive
// evaluation on random policies and packets: protocols by name and number,
// ICMP type and code, families apart (R20), ICMP version against family (R12),
// prefix lists, group references (R27, R31), unknown peers (R33), unions (D6),
// destination ports only (R6).
func TestCompileAgainstNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var passed, dropped int
	for range 200 {
		p := randomPolicy(rng)
		m := member.Resolve(p, member.Facts{})
		rs := Compile(p, m)
		for range 300 {
			q := randomQuery(rng, p)
			pkt := q.packet()
			a := rs.Device(q.Device)
			if FailsafeOf(&pkt, q.Direction) != policy.NoFailsafe {
				continue
			}
			v := byRules(a, q.Direction, &pkt)
			want := naivePermits(p, m, a.Interface().Groups, q.Direction, q)
			if v.Accept() != want {
				t.Fatalf("%+v at %s with %v: %s, want pass=%t", q, q.Device, a.Interface().Groups, v.Reason,
					want)
			}
			if !want {
				dropped++
				continue
			}
			passed++
			info, ok := rs.Rule(v.Rule)
			if !ok || info.Direction != q.Direction || !slices.Contains(a.Interface().Groups, info.Group) ||
				!naiveProtocol(info.Rule, q) {
				t.Fatalf("%+v: the deciding rule %+v does not permit it", q, info)
			}
		}
	}
	if passed < 1000 || dropped < 1000 {
		t.Errorf("%d passed, %d dropped: the test asks one-sided questions", passed, dropped)
	}
}

// TestFragmentHasNoPorts: a later fragment passes only where everything does (T25).
func TestFragmentHasNoPorts(t *testing.T) {
	any4 := policy.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}
	for _, c := range []struct {
		rule policy.Rule
		want bool
	}{
		{policy.Rule{Protocol: policy.TCP, From: 0, To: 65535, Peer: any4}, false},
		{policy.Rule{Protocol: policy.UDP, From: 53, To: 53, Peer: any4}, false},
		{policy.Rule{Protocol: 47, From: -1, To: -1, Peer: any4}, false},
		{policy.Rule{Protocol: policy.AllProtocols, From: -1, To: -1, Peer: any4}, true},
	} {
		p := onePolicy(c.rule)
		pkt := packet.Packet{Src: addr("192.0.2.1"), Dst: addr("192.0.2.2"), Proto: 6,
			Kind: packet.KindFragment}
		if got := byRules(Compile(p, nil).Device("eth0"), conntrack.Ingress,
			&pkt).Accept(); got != c.want {
			t.Errorf("later fragment under %s %d-%d: pass=%t, want %t", c.rule.Protocol, c.rule.From,
				c.rule.To, got, c.want)
		}
	}
}

// byRules judges a packet that belongs to no flow.
func byRules(a *Attachment, d conntrack.Direction, p *packet.Packet) Verdict {
	v, _ := judgeOnly(a, 0, d, p, nil, 0)
	return v.Verdict
}

// onePolicy has one group with the ingress rules, attached to eth0.
func onePolicy(ingress ...policy.Rule) *policy.Policy {
	return &policy.Policy{
		Groups: []policy.Group{{Name: "one", Ingress: ingress}},
		Interfaces: []policy.Interface{
			{Device: "eth0", Groups: []string{"one"}, Timeouts: policy.DefaultTimeouts}},
		Settings: policy.DefaultSettings,
	}
}

func addr(s string) conntrack.Addr { return conntrack.AddrFrom(netip.MustParseAddr(s)) }

// TestRuleIDsSurvive: a rule keeps its id while its identity lasts (R3), and a
// rule that is gone is still described.
func TestRuleIDsSurvive(t *testing.T) {
	ssh := policy.Rule{Protocol: policy.TCP, From: 22, To: 22,
		Peer: policy.Peer{CIDR: netip.MustParsePrefix("192.0.2.0/24")}}
	web := policy.Rule{Protocol: policy.TCP, From: 443, To: 443,
		Peer: policy.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}
	c := NewCompiler()
	id := func(rs *Ruleset, r policy.Rule) match.RuleNumber {
		q := Query{Protocol: 6, Src: netip.MustParseAddr("192.0.2.9"),
			Dst: netip.MustParseAddr("192.0.2.1"), DstPort: uint16(r.From)}
		pkt := q.packet()
		return byRules(rs.Device("eth0"), conntrack.Ingress, &pkt).Rule
	}
	first := c.Compile(onePolicy(ssh, web), nil)
	before := id(first, ssh)
	renamed := ssh
	renamed.Description = "office"
	second := c.Compile(onePolicy(web, renamed), nil)
	if got := id(second, ssh); got != before {
		t.Errorf("the rule's id went from %d to %d with its place and description", before, got)
	}
	if info, _ := second.Rule(before); info.Rule.Description != "office" || info.Gone {
		t.Errorf("the rule is described as %+v", info)
	}
	third := c.Compile(onePolicy(web), nil)
	if got := id(third, ssh); got != match.NoRule {
		t.Errorf("a removed rule still permits: %d", got)
	}
	if info, ok := third.Rule(before); !ok || !info.Gone || info.Rule.From != 22 {
		t.Errorf("the removed rule is described as %+v", info)
	}
	if info, _ := first.Rule(before); info.Gone || info.Rule.Description != "" {
		t.Errorf("an earlier ruleset changed: %+v", info)
	}
}

// randomPeer returns an address out of few, so that prefixes nest and collide.
func randomPeer(rng *rand.Rand, v6 bool) netip.Addr {
	if !v6 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], rng.Uint32())
		b[0] = 10
		b[1] &= 3
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], 0x20010db8_00000000|uint64(rng.IntN(4))<<rng.IntN(33))
	binary.BigEndian.PutUint64(b[8:], uint64(rng.IntN(4))<<rng.IntN(64))
	return netip.AddrFrom16(b)
}

// TestExplainAgreesWithMatcher: what explain finds rule by rule is what the matcher
// answers for all of them, on random policies and packets.
func TestExplainAgreesWithMatcher(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var permitted, refused int
	for range 200 {
		p := randomPolicy(rng)
		m := member.Resolve(p, member.Facts{})
		rs := Compile(p, m)
		for range 300 {
			q := randomQuery(rng, p)
			pkt := q.packet()
			a := rs.Device(q.Device)
			peer := pkt.Src
			if q.Direction == conntrack.Egress {
				peer = pkt.Dst
			}
			rule := a.matchers[q.Direction][family(peer)].Match(keyOf(peer), selectorOf(&pkt))
			groups, misses := try(rs, a, q.Direction, &pkt)
			explained := slices.ContainsFunc(groups, func(g GroupTried) bool { return g.Permits })
			if want := rule != match.NoRule; explained != want {
				t.Fatalf("%+v: permitted by explain: %t, by the matcher: %t (rule %d, misses %+v)",
					q, explained, want, rule, misses)
			}
			if explained {
				permitted++
			} else {
				refused++
			}
		}
	}
	if permitted < 1000 || refused < 1000 {
		t.Errorf("%d permitted and %d refused show little", permitted, refused)
	}
}
