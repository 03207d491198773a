package space

import (
	"net/netip"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"sgfw/policy"
)

// openings is what the rules for every address leave untracked, written from docs/aws.md
// alone (T2): the ports of TCP and UDP that one of them permits, by family, and whether one
// permits all of them: 11 bits for each pair.
func openings(rules []policy.Rule) (out uint64) {
	for i := range rules {
		r := &rules[i]
		if r.Peer.Kind != policy.PeerCIDR || r.Peer.CIDR.Bits() != 0 {
			continue
		}
		for k, proto := range []policy.Protocol{policy.TCP, policy.UDP} {
			if r.Protocol != policy.AllProtocols && r.Protocol != proto {
				continue
			}
			from, to := r.From, r.To
			if r.Protocol == policy.AllProtocols {
				from, to = 0, 65535
			}
			pair := 11 * k
			if policy.FamilyOf(r.Peer.CIDR) == policy.IPv6 {
				pair += 22
			}
			for j, port := range []int{0, 1, 2, 3, 4, 5, 6, 7, 9999, 65535} {
				if from <= port && port <= to {
					out |= 1 << (pair + j)
				}
			}
			if from == 0 && to == 65535 {
				out |= 1 << (pair + 10)
			}
		}
	}
	return out
}

// everyRule lists all rules of the universe that permit something.
func everyRule() (out []policy.Rule) {
	var peers []policy.Peer
	for bits := 29; bits <= 32; bits++ {
		for i := 0; i < 8; i += 1 << (32 - bits) {
			peers = append(peers, policy.Peer{CIDR: netip.PrefixFrom(smallAddresses[i], bits)})
		}
	}
	for _, c := range []string{"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "::/1", "8000::/1"} {
		peers = append(peers, policy.Peer{CIDR: netip.MustParsePrefix(c)})
	}
	peers = append(peers, policy.Peer{Kind: policy.PeerGroup, Name: "app"},
		policy.Peer{Kind: policy.PeerGroup, Name: "db"})
	ports := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 65534, 65535}
	for _, peer := range peers {
		add := func(proto policy.Protocol, from, to int) {
			r := policy.Rule{Protocol: proto, From: from, To: to, Peer: peer}
			if naive(&r) != (points{}) {
				out = append(out, r)
			}
		}
		add(-1, -1, -1)
		for _, proto := range []policy.Protocol{policy.TCP, policy.UDP} {
			for i, from := range ports {
				for _, to := range ports[i:] {
					add(proto, from, to)
				}
			}
		}
		for _, proto := range []policy.Protocol{policy.ICMP, policy.ICMPv6} {
			for _, pair := range [][2]int{{-1, -1}, {3, -1}, {3, 4}, {8, -1}, {8, 0}, {128, -1},
				{128, 0}} {
				add(proto, pair[0], pair[1])
			}
		}
		add(47, -1, -1)
	}
	return out
}

type candidate struct {
	rule policy.Rule
	has  points
	open uint64
}

// before tells apart candidates that do the same.
func (c candidate) before(o candidate) bool { return c.rule.String() < o.rule.String() }

var candidates = sync.OnceValue(func() (out []candidate) {
	for _, r := range everyRule() {
		out = append(out, candidate{r, naive(&r), openings([]policy.Rule{r})})
	}
	return out
})

// possible reports whether at most n rules of the universe mean what rules do: all sets of
// so many are tried, but for those that leave a point to others which no rule was tried for.
func possible(rules []policy.Rule, n int) bool {
	want, open := union(rules), openings(rules)
	var usable []candidate
	for _, c := range candidates() {
		if c.has.with(want, less) == (points{}) && c.open&^open == 0 {
			usable = append(usable, c)
		}
	}
	// A rule does nothing that a wider one of these does not.
	all := slices.Clone(usable)
	usable = slices.DeleteFunc(usable, func(c candidate) bool {
		return slices.ContainsFunc(all, func(o candidate) bool {
			return c.rule.ID() != o.rule.ID() && c.has.with(o.has, less) == (points{}) &&
				c.open&^o.open == 0 && (c.has != o.has || c.open != o.open || c.before(o))
		})
	})
	var try func(chosen []policy.Rule, have points, opened uint64, n int) bool
	try = func(chosen []policy.Rule, have points, opened uint64, n int) bool {
		lacks := want.with(have, less)
		if slices.ContainsFunc(chosen, half) { // atoms may come together of them
			lacks = want.with(union(chosen), less)
		}
		point, missing := lacks.first(), open&^opened
		switch {
		case point < 0 && missing == 0:
			return true
		case n == 0:
			return false
		}
		for _, c := range usable {
			helps := c.open&missing&-missing != 0
			if missing == 0 {
				helps = c.has[point/64]>>(point%64)&1 != 0 || point%16 >= 12 && half(c.rule)
			}
			if helps && try(append(chosen[:len(chosen):len(chosen)], c.rule), have.with(c.has, or),
				opened|c.open, n-1) {
				return true
			}
		}
		return false
	}
	return try(nil, points{}, 0, n)
}

func half(r policy.Rule) bool { return r.Peer.Kind == policy.PeerCIDR && r.Peer.CIDR.Bits() == 1 }

// checkMinimal fails unless the minimal rules mean the same and leave the same untracked.
func checkMinimal(t interface{ Fatalf(string, ...any) }, rules []policy.Rule) []policy.Rule {
	got, proved := nothing.Minimal(rules)
	switch {
	case union(got) != union(rules), !nothing.Set(got...).Equal(nothing.Set(rules...)):
		t.Fatalf("other meaning:\n%s\n%s", texts(rules), texts(got))
	case openings(got) != openings(rules):
		t.Fatalf("other flows are untracked:\n%s\n%s", texts(rules), texts(got))
	case !proved:
		t.Fatalf("no proof for\n%s", texts(rules))
	case len(got) > len(rules):
		t.Fatalf("more rules:\n%s\n%s", texts(rules), texts(got))
	}
	return got
}

func texts(rules []policy.Rule) (out []string) {
	for i := range rules {
		out = append(out, rules[i].String())
	}
	return out
}

// TestMinimalAgainstSearch: no fewer rules of the universe mean the same.
func TestMinimalAgainstSearch(t *testing.T) {
	shorter := 0
	rapid.Check(t, func(t *rapid.T) {
		rules := smallRules(t, 6)
		got := checkMinimal(t, rules)
		if len(got) > 0 && possible(rules, len(got)-1) {
			t.Fatalf("fewer than %d would do:\n%s\n%s", len(got), texts(rules), texts(got))
		}
		if len(got) < len(rules) {
			shorter++
		}
	})
	t.Log(shorter, "were shortened")
}
