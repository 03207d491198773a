package filter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/test/parity"
)

// ruleFor is a rule about ports to a CIDR; protocol -1 has no ports.
func ruleFor(protocol policy.Protocol, from, to int, cidr string) policy.Rule {
	return policy.Rule{Protocol: protocol, From: from, To: to,
		Peer: policy.Peer{CIDR: netip.MustParsePrefix(cidr)}}
}

var (
	all4 = ruleFor(policy.AllProtocols, -1, -1, "0.0.0.0/0")
	all6 = ruleFor(policy.AllProtocols, -1, -1, "::/0")
	web4 = ruleFor(policy.TCP, 80, 80, "0.0.0.0/0")
	dns4 = ruleFor(policy.UDP, 53, 53, "0.0.0.0/0")
)

// awsPolicy has one group on eth0 and tracks as AWS does.
func awsPolicy(ingress, egress []policy.Rule) *policy.Policy {
	p := onePolicy(ingress...)
	p.Groups[0].Egress = egress
	p.Settings.Tracking = policy.TrackingAWS
	return p
}

func rules(list ...policy.Rule) []policy.Rule { return list }

// naiveUntracked is T2 word for word: a rule of the opening direction permits the
// flow with everybody as its peer, and so does one of the other direction on all
// ports.
func naiveUntracked(p *policy.Policy, groups []string, opener conntrack.Direction, v6 bool,
	proto uint8, asked uint16) bool {
	if p.Settings.Tracking != policy.TrackingAWS || proto != 6 && proto != 17 {
		return false
	}
	return naiveOpen(p, groups, opener, v6, proto, int(asked), int(asked)) &&
		naiveOpen(p, groups, opener.Reverse(), v6, proto, 0, 65535)
}

// naiveOpen reports whether one rule permits everybody these ports.
func naiveOpen(p *policy.Policy, groups []string, d conntrack.Direction, v6 bool, proto uint8,
	lo, hi int) bool {
	everybody := "0.0.0.0/0"
	if v6 {
		everybody = "::/0"
	}
	for _, g := range p.Groups {
		for _, name := range groups {
			list := g.Ingress
			if d == conntrack.Egress {
				list = g.Egress
			}
			for _, r := range list {
				if name != g.Name || r.Peer.Kind != policy.PeerCIDR || r.Peer.CIDR.String() != everybody {
					continue
				}
				if r.Protocol == policy.AllProtocols || r.Protocol == policy.Protocol(proto) && r.From <= lo &&
					hi <= r.To {
					return true
				}
			}
		}
	}
	return false
}

// wideRule is a random rule, often one for everybody or for all ports.
func wideRule(rng *rand.Rand) policy.Rule {
	r := randomRule(rng)
	if rng.IntN(2) == 0 {
		r.Peer = policy.Peer{CIDR: netip.MustParsePrefix(
			[]string{"0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "::/1"}[rng.IntN(5)])}
	}
	if r.Protocol.HasPorts() && rng.IntN(2) == 0 {
		r.From, r.To = 0, 65535
		if rng.IntN(4) == 0 {
			r.To-- // nearly
		}
	}
	return r
}

// TestUntrackedAgainstNaive compares which first packets are judged untracked, and
// why, with T2 on random policies: families apart (T3), TCP and UDP only (T4),
// single rules and CIDR peers only, any wide rule beside narrow ones (T7), and the
// same under tracking: always.
func TestUntrackedAgainstNaive(t *testing.T) {
	parity.Proves(t, "T2", "T3", "T4", "T7")
	seen := make(map[string]int)
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		p := randomPolicy(rng)
		p.PrefixLists[0].Entries = append(p.PrefixLists[0].Entries,
			policy.PrefixEntry{CIDR: netip.MustParsePrefix("0.0.0.0/0")})
		for i := range p.Groups {
			g := &p.Groups[i]
			for _, list := range []*[]policy.Rule{&g.Ingress, &g.Egress} {
				*list = (*list)[:min(len(*list), rng.IntN(4))]
				for range rng.IntN(3) {
					*list = append(*list, wideRule(rng))
				}
			}
		}
		if rng.IntN(8) > 0 {
			p.Settings.Tracking = policy.TrackingAWS
		}
		rs := Compile(p, nil)
		for range 100 {
			q := randomQuery(rng, p)
			x := Explain(rs, nil, 0, q)
			groups := rs.Device(q.Device).Interface().Groups
			v6 := !q.Src.Is4()
			opens := naiveUntracked(p, groups, q.Direction, v6, q.Protocol, q.DstPort)
			want := x.Verdict.Accept() && x.Verdict.Reason != ReasonFailsafe && opens
			if got := x.Verdict.Reason == ReasonUntracked; got != want || x.Tracking.Untracked != want {
				t.Fatalf("seed %d: %+v: %s (%+v), untracked by T2: %t", seed, q, x.Verdict.Reason, x.Tracking,
					want)
			}
			if !x.Verdict.Accept() {
				continue
			}
			c := x.Tracking.Clause
			seen[c.String()]++
			ok := true
			switch c {
			case ClauseSetting:
				ok = p.Settings.Tracking == policy.TrackingAlways
			case ClauseProtocol:
				ok = q.Protocol != 6 && q.Protocol != 17
			case ClauseOpening, ClauseReturn:
				ok = !opens
			case ClauseBoth:
				ok = opens
			}
			if !ok {
				t.Fatalf("seed %d: %+v: clause %s", seed, q, c)
			}
		}
	}
	for _, c := range []Clause{ClauseSetting, ClauseProtocol, ClauseOpening, ClauseReturn,
		ClauseBoth} {
		if seen[c.String()] < 20 {
			t.Errorf("clause %s: %d packets", c, seen[c.String()])
		}
	}
}

// TestUntrackedTCP: both halves of an untracked connection are judged by rules
// (T6); it ends with its rule, and what the other half goes on to send does not
// bring it back (T15, row 10).
func TestUntrackedTCP(t *testing.T) {
	parity.Proves(t, "T6", "T15", "row 10")
	b := newBench(t, awsPolicy(rules(web4), rules(all4)))
	ack := func(seq, ack uint32) []byte { return tcp4(client, us, 40000, 80, seq, ack, conntrack.ACK) }
	answer := func(seq, ack uint32) []byte {
		return tcp4(us, client, 80, 40000, seq, ack, conntrack.ACK)
	}
	expect(t, "SYN", b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN)), ReasonUntracked)
	expect(t, "SYN-ACK", b.out(tcp4(us, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK)),
		ReasonUntracked)
	expect(t, "ACK", b.in(ack(2, 10)), ReasonUntracked)
	expect(t, "data", b.out(answer(10, 2)), ReasonUntracked)
	if st := b.Flows().Stats(); st.Flows != 0 || st.Untracked != 1 {
		t.Errorf("flows: %+v", st)
	}
	b.apply(awsPolicy(nil, rules(all4)))
	for range 3 {
		expect(t, "in, no rule", b.in(ack(2, 10)), ReasonNotAFlow)
		expect(t, "out, a rule", b.out(answer(10, 2)), ReasonUntracked)
		// For as long as the server tries.
		b.wait(400000 * time.Second)
	}
	if st := b.Flows().Stats(); st.Flows != 0 {
		t.Errorf("the answers of a cut flow opened %d flows", st.Flows)
	}
	// A connection that the server begins is another one, and tracked (T2b).
	expect(t, "own SYN", b.out(tcp4(us, client, 80, 40000, 500, 0, conntrack.SYN)), ReasonRule)
	expect(t, "its answer", b.in(tcp4(client, us, 40000, 80, 900, 501, conntrack.SYN|conntrack.ACK)),
		ReasonFlow)
}

// TestUntrackedOutlivesShortTimers: a connection that was cut is remembered from
// one retransmission to the next, however short its timer is, also when a reload
// has just made it so (T20).
func TestUntrackedOutlivesShortTimers(t *testing.T) {
	parity.Proves(t, "T15")
	quick := func(ingress ...policy.Rule) *policy.Policy {
		p := awsPolicy(ingress, rules(all4))
		p.Interfaces[0].Timeouts.TCPEstablished = time.Minute
		return p
	}
	for what, first := range map[string]*policy.Policy{
		"short from the beginning": quick(web4), "shortened": awsPolicy(rules(web4), rules(all4))} {
		b := newBench(t, first)
		b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN))
		b.out(tcp4(us, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK))
		b.in(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK))
		b.apply(quick())
		b.Retime()
		for range 10 {
			b.wait(2 * time.Minute)
			expect(t, what+": out, a rule", b.out(tcp4(us, client, 80, 40000, 10, 2, conntrack.ACK)),
				ReasonUntracked)
			expect(t, what+": in, no rule", b.in(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK)),
				ReasonNotAFlow)
		}
	}
}

// TestUntrackedUDP is the same for UDP, whose packets do not tell who began.
func TestUntrackedUDP(t *testing.T) {
	parity.Proves(t, "T6", "T15")
	b := newBench(t, awsPolicy(rules(dns4), rules(all4)))
	expect(t, "question", b.in(udp4(client, us, 5000, 53)), ReasonUntracked)
	expect(t, "answer", b.out(udp4(us, client, 53, 5000)), ReasonUntracked)
	expect(t, "own question", b.out(udp4(us, client, 6000, 53)), ReasonRule)
	b.apply(awsPolicy(nil, rules(all4)))
	for range 10 {
		expect(t, "question", b.in(udp4(client, us, 5000, 53)), ReasonNoRule)
		expect(t, "answer", b.out(udp4(us, client, 53, 5000)), ReasonUntracked)
		b.wait(20 * time.Second)
	}
	b.wait(200 * time.Second)
	expect(t, "much later, the first packet of another flow", b.out(udp4(us, client, 53, 5000)),
		ReasonRule)
	expect(t, "its answer", b.in(udp4(client, us, 5000, 53)), ReasonFlow)
}

// TestUntrackedBecomesTracked: without the wide return rule the next packet of the
// opener begins to be tracked mid-stream, and the flow goes on (T19). What is
// tracked stays so when rules become wide, or the setting changes.
func TestUntrackedBecomesTracked(t *testing.T) {
	parity.Proves(t, "T19")
	wide, narrow := awsPolicy(rules(web4, dns4), rules(all4)), awsPolicy(rules(web4, dns4), nil)
	always := awsPolicy(rules(web4, dns4), nil)
	always.Settings.Tracking = policy.TrackingAlways
	for what, next := range map[string]*policy.Policy{
		"the return rule removed": narrow, "tracking: always": always} {
		b := newBench(t, wide)
		expect(t, "SYN", b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN)), ReasonUntracked)
		b.out(tcp4(us, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK))
		b.in(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK))
		expect(t, "question", b.in(udp4(client, us, 5000, 53)), ReasonUntracked)
		b.apply(next)
		// Before the opener has spoken its flow has no way back.
		expect(t, what+": TCP, the other half first",
			b.out(tcp4(us, client, 80, 40000, 10, 2, conntrack.ACK)), ReasonNotAFlow)
		expect(t, what+": UDP, the other half first", b.out(udp4(us, client, 53, 5000)), ReasonNoRule)
		expect(t, what+": TCP", b.in(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK)), ReasonRule)
		expect(t, what+": UDP", b.in(udp4(client, us, 5000, 53)), ReasonRule)
		for range 2 {
			expect(t, what+": TCP, the other half", b.out(tcp4(us, client, 80, 40000, 10, 2, conntrack.ACK)),
				ReasonFlow)
			expect(t, what+": UDP, the other half", b.out(udp4(us, client, 53, 5000)), ReasonFlow)
			expect(t, what+": TCP goes on", b.in(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK)),
				ReasonFlow)
			expect(t, what+": UDP goes on", b.in(udp4(client, us, 5000, 53)), ReasonFlow)
			b.apply(wide)
		}
		if st := b.Flows().Stats(); st.Flows != 2 || st.Untracked != 0 {
			t.Errorf("%s: flows %+v", what, st)
		}
		b.apply(awsPolicy(nil, nil))
		expect(t, what+": TCP without rules", b.in(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK)),
			ReasonFlow)
	}
}

// TestUntrackedNeedsNoRoom: in a full table untracked flows go on to come about,
// tracked ones do not (T32); one that has to be tracked finds no room (T30).
func TestUntrackedNeedsNoRoom(t *testing.T) {
	parity.Proves(t, "T32")
	p := awsPolicy(rules(web4, tcpRule(22, "198.51.100.0/24")), rules(all4))
	b := newBench(t, p)
	b.Engine = NewEngine(Config{MaxFlows: 1, Clock: func() conntrack.Time { return b.now }},
		b.compiler.Compile(p, nil).WithLinks(testLinks))
	b.Worker = b.NewWorker()
	expect(t, "SYN", b.in(tcp4(client, us, 40000, 22, 1, 0, conntrack.SYN)), ReasonRule)
	b.out(tcp4(us, client, 22, 40000, 9, 2, conntrack.SYN|conntrack.ACK))
	b.in(tcp4(client, us, 40000, 22, 2, 10, conntrack.ACK))
	expect(t, "another tracked one", b.in(tcp4(client, us, 40001, 22, 1, 0, conntrack.SYN)),
		ReasonTableFull)
	for port := range uint16(3000) { // more than are remembered
		expect(t, "SYN", b.in(tcp4(client, us, port+1024, 80, 1, 0, conntrack.SYN)), ReasonUntracked)
		expect(t, "SYN-ACK", b.out(tcp4(us, client, 80, port+1024, 9, 2, conntrack.SYN|conntrack.ACK)),
			ReasonUntracked)
		expect(t, "ACK", b.in(tcp4(client, us, port+1024, 80, 2, 10, conntrack.ACK)), ReasonUntracked)
	}
	expect(t, "the tracked one", b.out(tcp4(us, client, 22, 40000, 10, 2, conntrack.ACK)), ReasonFlow)
	st := b.Flows().Stats()
	if st.Flows != 1 || st.Untracked != 1024 || st.EvictedUntracked != 3000-1024 {
		t.Errorf("flows %+v", st)
	}
	b.apply(awsPolicy(rules(web4), nil))
	expect(t, "now to be tracked", b.in(tcp4(client, us, 4000, 80, 2, 10, conntrack.ACK)),
		ReasonTableFull)
}

// TestErrorsAboutUntrackedFlows: an ICMP error about one passes as long as rules
// leave it untracked, unless rules are to decide about errors (T24).
func TestErrorsAboutUntrackedFlows(t *testing.T) {
	about := func(port uint16) []byte {
		return icmp4(other, us, 3, 4, 1400, tcp4(us, client, 80, port, 10, 2, conntrack.ACK))
	}
	p := awsPolicy(rules(web4), rules(all4))
	b := newBench(t, p)
	b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN))
	expect(t, "about the flow", b.in(about(40000)), ReasonRelated)
	expect(t, "about nothing", b.in(about(40001)), ReasonNoRule)
	byRules := awsPolicy(rules(web4), rules(all4))
	byRules.Settings.ICMPErrors = policy.ICMPErrorsRules
	b.apply(byRules)
	expect(t, "icmp_errors: rules", b.in(about(40000)), ReasonNoRule)
	b.apply(p)
	expect(t, "about the flow again", b.in(about(40000)), ReasonRelated)
	b.apply(awsPolicy(nil, rules(all4)))
	expect(t, "about a flow that is cut", b.in(about(40000)), ReasonNoRule)
}

// TestErrorsAboutIdleUntrackedFlows: an untracked connection is remembered for as long
// as a tracked one, and one whose timer is short from one retransmission to the next: an
// ICMP error about it passes for that long (T24).
func TestErrorsAboutIdleUntrackedFlows(t *testing.T) {
	for _, tc := range []struct {
		timer, idle time.Duration
		want        Reason
	}{
		{432000 * time.Second, 431000 * time.Second, ReasonRelated},
		{432000 * time.Second, 433000 * time.Second, ReasonNoRule},
		{time.Minute, 2 * time.Minute, ReasonRelated},
		{time.Minute, 6 * time.Minute, ReasonNoRule},
	} {
		p := awsPolicy(rules(web4), rules(all4))
		p.Interfaces[0].Timeouts.TCPEstablished = tc.timer
		b := newBench(t, p)
		b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN))
		b.out(tcp4(us, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK))
		b.in(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK))
		b.wait(tc.idle)
		about := icmp4(other, us, 3, 4, 1400, tcp4(us, client, 80, 40000, 10, 2, conntrack.ACK))
		expect(t, fmt.Sprintf("timer %v, idle for %v", tc.timer, tc.idle), b.in(about), tc.want)
	}
}

// TestUntrackedStanding: a review tells flows that were cut from orphans, and a
// revocation does not concern what rules alone decide about.
func TestUntrackedStanding(t *testing.T) {
	b := newBench(t, awsPolicy(rules(web4, tcpRule(22, "198.51.100.7/32")), rules(all4)))
	for _, port := range []uint16{80, 22} {
		b.in(tcp4(client, us, 40000, port, 1, 0, conntrack.SYN))
	}
	judged := func() string {
		review, out := b.Ruleset().Review(), [3]string{}
		b.Flows().Range(b.now, func(f conntrack.FlowInfo) bool {
			text := fmt.Sprint(review.Standing(&f), " ", review.Tracking(&f).Clause, " ",
				review.Tracking(&f).Untracked)
			out[map[uint16]int{80: 0, 22: 1}[f.Tuple.LocalPort]] = text
			return true
		})
		return out[0] + ", " + out[1]
	}
	for _, tc := range []struct {
		policy *policy.Policy
		want   string
	}{
		{awsPolicy(rules(web4, tcpRule(22, "198.51.100.7/32")), rules(all4)),
			fmt.Sprintf("%d both-rules true, %d opening-rule false", StandingPermitted, StandingPermitted)},
		{awsPolicy(rules(web4, tcpRule(22, "0.0.0.0/0")), rules(all4)),
			fmt.Sprintf("%d both-rules true, %d earlier false", StandingPermitted, StandingPermitted)},
		{awsPolicy(rules(web4), nil), fmt.Sprintf("%d return-rule true, %d opening-rule false",
			StandingPermitted, StandingOrphan)},
		{awsPolicy(nil, rules(all4)), fmt.Sprintf("%d opening-rule true, %d opening-rule false",
			StandingCut, StandingOrphan)},
		{onePolicy(), fmt.Sprintf("%d setting true, %d setting false", StandingCut, StandingOrphan)},
	} {
		b.apply(tc.policy)
		if got := judged(); got != tc.want {
			t.Errorf("%+v: %s, want %s", tc.policy.Groups[0], got, tc.want)
		}
	}
	if n := b.revoke(StandingCut) + b.revoke(StandingOrphan); n != 1 {
		t.Errorf("revoked %d flows, want the tracked one", n)
	}
}

// TestUntrackedLeavesOthersAlone: ICMP is tracked whatever rules there are (T4).
func TestUntrackedLeavesOthersAlone(t *testing.T) {
	parity.Proves(t, "T4")
	icmp := policy.Rule{Protocol: policy.ICMP, From: -1, To: -1, Peer: all4.Peer}
	b := newBench(t, awsPolicy(rules(web4, icmp), rules(all4)))
	expect(t, "ping", b.in(icmp4(client, us, 8, 0, 7<<16, nil)), ReasonRule)
	b.apply(awsPolicy(nil, nil))
	expect(t, "its reply without rules", b.out(icmp4(us, client, 0, 0, 7<<16, nil)), ReasonFlow)
}

// TestUntrackedForwarded: a routed packet is judged at each device by its own rules,
// and its flow may be untracked at one and tracked at the other (D7, X6).
func TestUntrackedForwarded(t *testing.T) {
	p := awsPolicy(rules(web4), rules(all4)) // towards the client
	p.Groups = append(p.Groups, policy.Group{Name: "two", Egress: rules(web4)})
	p.Interfaces = append(p.Interfaces, policy.Interface{Device: "eth1", Groups: []string{"two"},
		Timeouts: policy.DefaultTimeouts})
	b := newBench(t, p)
	server := [4]byte{10, 0, 0, 80}
	forward := func(raw []byte) Verdict { return b.cross(HookForward, 2, 3, raw) }
	back := func(raw []byte) Verdict { return b.cross(HookForward, 3, 2, raw) }
	// at eth1
	expect(t, "SYN", forward(tcp4(client, server, 40000, 80, 1, 0, conntrack.SYN)), ReasonRule)
	expect(t, "SYN-ACK", back(tcp4(server, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK)),
		ReasonUntracked)
	expect(t, "ACK", forward(tcp4(client, server, 40000, 80, 2, 10, conntrack.ACK)), ReasonFlow)
	if st := b.Flows().Stats(); st.Flows != 1 || st.Untracked != 1 {
		t.Errorf("flows %+v, want one of each kind", st)
	}
	cut := awsPolicy(nil, rules(all4))
	cut.Groups, cut.Interfaces = append(cut.Groups, p.Groups[1]),
		append(cut.Interfaces, p.Interfaces[1])
	b.apply(cut)
	expect(t, "answer", back(tcp4(server, client, 80, 40000, 10, 2, conntrack.ACK)), ReasonUntracked)
	expect(t, "cut where it enters", forward(tcp4(client, server, 40000, 80, 2, 10, conntrack.ACK)),
		ReasonNotAFlow)
}

// TestUntrackedGuest: the flows of a guest are untracked by the rules of the guest,
// and its source/destination check holds for them (X6, D9).
func TestUntrackedGuest(t *testing.T) {
	guest := func(ingress, egress []policy.Rule) *policy.Policy {
		p := awsPolicy(ingress, egress)
		in := &p.Interfaces[0]
		in.Mode, in.Addresses, in.SourceDestCheck = policy.ModeGuest, []netip.Addr{netip.AddrFrom4(us)},
			true
		return p
	}
	b := newBench(t, guest(rules(web4), rules(all4)))
	// What goes out through the device is the guest's ingress.
	expect(t, "SYN", b.out(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN)), ReasonUntracked)
	expect(t, "SYN-ACK", b.in(tcp4(us, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK)),
		ReasonUntracked)
	expect(t, "SYN-ACK in the name of another",
		b.in(tcp4(other, client, 80, 40000, 9, 2, conntrack.SYN|conntrack.ACK)), ReasonSourceDestCheck)
	expect(t, "own SYN", b.in(tcp4(us, client, 5000, 443, 1, 0, conntrack.SYN)), ReasonRule)
	b.apply(guest(nil, rules(all4)))
	expect(t, "cut", b.out(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK)), ReasonNotAFlow)
	expect(t, "the guest goes on", b.in(tcp4(us, client, 80, 40000, 10, 2, conntrack.ACK)),
		ReasonUntracked)
	expect(t, "and is not answered", b.out(tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK)),
		ReasonNotAFlow)
}

// naiveFlow is a flow of naiveTracker.
type naiveFlow struct {
	tracked bool
	opener  conntrack.Direction
}

// naiveTracker follows flows of TCP and UDP by T2 with a map that forgets nothing.
// Connections do not end in it.
type naiveTracker struct {
	policy *policy.Policy
	past   []*policy.Policy      // and this one
	flows  map[uint16]*naiveFlow // by the remote port: the test has one service
}

func (w *naiveTracker) decide(d conntrack.Direction, proto uint8, remote uint16,
	flags conntrack.TCPFlags) Reason {
	const local = 80
	f := w.flows[remote]
	if f != nil && f.tracked {
		return ReasonFlow
	}
	dst := uint16(local)
	if d == conntrack.Egress {
		dst = remote
	}
	q := Query{Protocol: proto, Src: netip.AddrFrom4(client), Dst: netip.AddrFrom4(us), DstPort: dst,
		Direction: d}
	if d == conntrack.Egress {
		q.Src, q.Dst = q.Dst, q.Src
	}
	begins := proto == 6 && flags == conntrack.SYN
	if !naivePermits(w.policy, nil, []string{"one"}, d, q) {
		if proto == 6 && !begins {
			return ReasonNotAFlow
		}
		return ReasonNoRule
	}
	if f == nil && proto == 6 && !begins && w.mayAnswer(d, local+remote-dst) {
		return ReasonUntracked
	}
	untracked := func(opener conntrack.Direction) bool {
		asked := uint16(local)
		if opener == conntrack.Egress {
			asked = remote
		}
		return naiveUntracked(w.policy, []string{"one"}, opener, false, proto, asked)
	}
	opens := begins || proto == 17 || flags == conntrack.ACK
	switch {
	case f != nil && !begins && f.opener != d:
		return ReasonUntracked // the other half, whoever may open a flow like it
	case untracked(d):
		if opens {
			w.flows[remote] = &naiveFlow{opener: d}
		}
		return ReasonUntracked
	}
	if opens {
		w.flows[remote] = &naiveFlow{opener: d, tracked: true}
	}
	return ReasonRule
}

// mayAnswer reports whether a segment from a port may be the answer of an untracked
// connection that is forgotten.
func (w *naiveTracker) mayAnswer(d conntrack.Direction, from uint16) bool {
	groups := []string{"one"}
	answers := w.policy.Settings.Tracking == policy.TrackingAWS &&
		naiveOpen(w.policy, groups, d, false, 6, 0, 65535)
	for _, p := range w.past {
		answers = answers || w.policy.Settings.Tracking == policy.TrackingAWS &&
			naiveUntracked(p, groups, d.Reverse(), false, 6, from)
	}
	return answers
}

// TestUntrackedSequences sends random packets of a few flows under policies that
// change all the time and compares each verdict with a tracker of the obvious kind.
func TestUntrackedSequences(t *testing.T) {
	parity.Proves(t, "T2", "T6", "T15", "T19")
	counts := make(map[Reason]int)
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 9))
		pick := func(port int) (list []policy.Rule) {
			for _, r := range []policy.Rule{
				all4, all6, ruleFor(policy.TCP, port, port, "0.0.0.0/0"),
				ruleFor(policy.UDP, port, port, "0.0.0.0/0"),
				ruleFor(policy.TCP, 0, 65535, "0.0.0.0/0"),
				ruleFor(policy.AllProtocols, -1, -1, "198.51.100.0/24"),
			} {
				if rng.IntN(4) == 0 {
					list = append(list, r)
				}
			}
			return list
		}
		next := func() *policy.Policy {
			p := awsPolicy(pick(80), pick(40001))
			if rng.IntN(6) == 0 {
				p.Settings.Tracking = policy.TrackingAlways
			}
			return p
		}
		p := next()
		b := newBench(t, p)
		naive := map[uint8]*naiveTracker{
			6:  {p, []*policy.Policy{p}, map[uint16]*naiveFlow{}},
			17: {p, nil, map[uint16]*naiveFlow{}},
		}
		for step := range 300 {
			if rng.IntN(10) == 0 {
				p = next()
				b.apply(p)
				naive[6].policy, naive[17].policy = p, p
				naive[6].past = append(naive[6].past, p)
			}
			d, remote := conntrack.Direction(rng.IntN(2)), 40000+uint16(rng.IntN(4))
			proto := []uint8{6, 17}[rng.IntN(2)]
			flags := []conntrack.TCPFlags{
				conntrack.SYN, conntrack.SYN | conntrack.ACK, conntrack.ACK, conntrack.ACK}[rng.IntN(4)]
			if f := naive[6].flows[remote]; proto == 6 && flags == conntrack.SYN && f != nil && f.tracked {
				continue // conntrack has its own tests of those
			}
			raw := udp4(client, us, remote, 80)
			if proto == 6 {
				raw = tcp4(client, us, remote, 80, 1, 1, flags)
			}
			send := b.in
			if d == conntrack.Egress {
				send = b.out
				raw = udp4(us, client, 80, remote)
				if proto == 6 {
					raw = tcp4(us, client, 80, remote, 1, 1, flags)
				}
			}
			want := naive[proto].decide(d, proto, remote, flags)
			got := send(raw).Reason
			counts[got]++
			if got != want {
				t.Fatalf("seed %d step %d: %s protocol %d flags %d remote port %d: %s, want %s\n%+v", seed,
					step, d, proto, flags, remote, got, want, p.Groups[0])
			}
		}
	}
	for _, r := range []Reason{ReasonFlow, ReasonRule, ReasonUntracked, ReasonNoRule, ReasonNotAFlow} {
		if counts[r] < 500 {
			t.Errorf("%s: %d packets", r, counts[r])
		}
	}
}

// TestUntrackedAllocates: judging a packet of an untracked flow allocates nothing.
func TestUntrackedAllocates(t *testing.T) {
	b := newBench(t, awsPolicy(rules(web4, dns4), rules(all4)))
	b.in(tcp4(client, us, 40000, 80, 1, 0, conntrack.SYN))
	b.in(udp4(client, us, 5000, 53))
	for what, raw := range map[string][]byte{
		"TCP": tcp4(client, us, 40000, 80, 2, 10, conntrack.ACK), "UDP": udp4(client, us, 5000, 53),
		"without memory": tcp4(client, us, 40001, 80, 2, 10, conntrack.RST),
	} {
		if n := testing.AllocsPerRun(200, func() { b.in(raw) }); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}
