package audit

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"sgfw/policy"
	"sgfw/policy/space"
)

// TestCoveredAsSpace: the quick way finds the same superfluous rules as the slow one, and those
// that it names do cover them.
func TestCoveredAsSpace(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	some, joint := 0, 0
	for range 3000 {
		p := &policy.Policy{PrefixLists: []policy.PrefixList{{Name: "list", Entries: []policy.PrefixEntry{
			{CIDR: netip.MustParsePrefix("10.0.0.0/31")}, {CIDR: netip.MustParsePrefix("10.0.0.4/31")}}}}}
		g := policy.Group{Name: "g"}
		for k := range 2 + rng.IntN(8) {
			r := policy.Rule{Index: k, Protocol: policy.TCP, From: 1 + rng.IntN(4)}
			r.To = r.From + rng.IntN(3)
			if rng.IntN(6) == 0 {
				r.Protocol, r.From, r.To = policy.AllProtocols, -1, -1
			}
			switch rng.IntN(8) {
			case 0:
				r.Peer = policy.Peer{Kind: policy.PeerGroup, Name: "other"}
			case 1:
				r.Peer = policy.Peer{Kind: policy.PeerPrefixList, Name: "list"}
			case 2:
				r.Peer.CIDR = policy.AnyIPv4
			default:
				r.Peer.CIDR = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rng.IntN(8))}),
					29+rng.IntN(4)).Masked()
			}
			g.Ingress = append(g.Ingress, r)
		}
		p.Groups = []policy.Group{g}
		a := &auditor{p: p, reading: space.Read(p, nil), byName: map[string]*examined{}}
		a.examine()
		rules := a.groups[0].alone.sides[policy.Ingress].rules
		places := func(cs []space.Cover) (out []int) {
			for _, c := range cs {
				out = append(out, c.Rule)
			}
			return out
		}
		got, want := coveredBy(rules), a.reading.Covered(g.Ingress)
		if !slices.Equal(places(got), places(want)) {
			t.Fatalf("%v are covered, want %v: %v", places(got), places(want), g.Ingress)
		}
		for _, c := range got {
			var by []policy.Rule
			for _, j := range c.By {
				by = append(by, g.Ingress[j])
			}
			if !a.reading.Set(by...).Covers(a.reading.Rule(&g.Ingress[c.Rule])) {
				t.Fatalf("rule %d is not covered by %v: %v", c.Rule, c.By, g.Ingress)
			}
			some++
			if len(by) > 1 {
				joint++
			}
		}
	}
	if some < 1000 || joint < 100 {
		t.Errorf("only %d rules were covered, %d by several", some, joint)
	}
}
