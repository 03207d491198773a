package space_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"sgfw/conntrack"
	"sgfw/filter"
	"sgfw/policy"
	"sgfw/policy/member"
	"sgfw/policy/space"
)

// TestShortenedPoliciesActAlike: the engine does the same by a shortened policy, whatever
// lists and groups hold by then, and leaves the same flows untracked.
func TestShortenedPoliciesActAlike(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 19))
	fewer, passed, untracked := 0, 0, 0
	for range 400 {
		p := randomPolicy(rng)
		p.Settings.Tracking = policy.TrackingAWS
		for i := range p.Groups {
			widen(rng, p.Groups[i].Ingress)
			widen(rng, p.Groups[i].Egress)
		}
		short, said := space.Shorten(p)
		for _, s := range said {
			fewer += s.Before - s.After
		}
		for range 3 {
			refill(rng, p, short)
			a := filter.Compile(p, member.Resolve(p, member.Facts{}))
			b := filter.Compile(short, member.Resolve(short, member.Facts{}))
			for range 100 {
				q := randomQuery(rng)
				x, y := filter.Explain(a, nil, 0, q), filter.Explain(b, nil, 0, q)
				if x.Verdict.Accept() != y.Verdict.Accept() || x.Tracking.Clause != y.Tracking.Clause {
					t.Fatalf("%+v: %v, %v; shortened %v, %v\n%v\n%v", q, x.Verdict.Reason, x.Tracking.Clause,
						y.Verdict.Reason, y.Tracking.Clause, p.Groups, short.Groups)
				}
				if x.Verdict.Accept() {
					passed++
				}
				if x.Tracking.Clause == filter.ClauseBoth {
					untracked++
				}
			}
		}
	}
	if fewer < 100 || passed < 10000 || untracked < 200 {
		t.Errorf("%d rules fewer, %d packets passed, %d untracked", fewer, passed, untracked)
	}
}

// widen makes some rules for everybody, and some of these for all ports.
func widen(rng *rand.Rand, rules []policy.Rule) {
	for i := range rules {
		r := &rules[i]
		if rng.IntN(2) == 0 {
			continue
		}
		everybody := []string{"0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "8000::/1",
			"::/1"}
		r.Peer = policy.Peer{CIDR: netip.MustParsePrefix(everybody[rng.IntN(len(everybody))])}
		if r.Protocol.HasPorts() && rng.IntN(2) == 0 {
			r.From, r.To = 0, 65535
			switch rng.IntN(4) {
			case 0:
				r.To = 4
			case 1:
				r.From = 5
			}
		}
	}
}

// refill gives lists and groups of both policies the same other contents.
func refill(rng *rand.Rand, policies ...*policy.Policy) {
	var lists []policy.PrefixList
	var peers []policy.Remote
	for i := range 3 {
		l := policy.PrefixList{Name: fmt.Sprint("list", i)}
		for range rng.IntN(4) {
			l.Entries = append(l.Entries, policy.PrefixEntry{CIDR: randomCIDR(rng, i%2 == 1)})
		}
		lists = append(lists, l)
		peers = append(peers, policy.Remote{Name: fmt.Sprint("peer", i),
			Addresses: []netip.Addr{randomAddr(rng, false), randomAddr(rng, true)},
			Groups:    []string{fmt.Sprint("group", i)}})
	}
	for _, p := range policies {
		p.PrefixLists, p.Remotes = lists, peers
	}
}

// randomQuery asks about a packet of the device eth0.
func randomQuery(rng *rand.Rand) filter.Query {
	v6 := rng.IntN(2) == 0
	q := filter.Query{Device: "eth0", Src: randomAddr(rng, v6), Hook: filter.HookForward,
		Dst: netip.MustParseAddr("198.51.100.1"), SrcPort: 50000, DstPort: uint16(rng.IntN(8)),
		Protocol: []uint8{6, 6, 6, 17, 17, 1, 58, 47}[rng.IntN(8)], ICMPType: uint8(rng.IntN(3)),
		ICMPCode: uint8(rng.IntN(3)), Direction: conntrack.Direction(rng.IntN(2))}
	if v6 {
		q.Dst = netip.MustParseAddr("2001:db8:ffff::1")
	}
	if rng.IntN(4) == 0 {
		q.DstPort = uint16(rng.IntN(65536))
	}
	if q.Direction == conntrack.Egress {
		q.Src, q.Dst = q.Dst, q.Src
	}
	return q
}
