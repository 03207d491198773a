package space

import (
	"net/netip"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"sgfw/policy"
)

func tcp(from, to int, cidr string) policy.Rule {
	return policy.Rule{Protocol: policy.TCP, From: from, To: to,
		Peer: policy.Peer{CIDR: netip.MustParsePrefix(cidr)}}
}

func TestCovered(t *testing.T) {
	app := policy.Rule{Protocol: policy.TCP, From: 5, To: 5,
		Peer: policy.Peer{Kind: policy.PeerGroup, Name: "app"}}
	for name, c := range map[string]struct {
		rules []policy.Rule
		want  []Cover
	}{
		"none": {[]policy.Rule{tcp(1, 2, "10.0.0.0/8"), tcp(2, 3, "10.0.0.0/8")}, nil},
		"twins": {[]policy.Rule{tcp(1, 2, "10.0.0.0/8"), tcp(1, 2, "10.0.0.0/8")},
			[]Cover{{0, []int{1}}, {1, []int{0}}}},
		"wider": {[]policy.Rule{tcp(1, 2, "10.0.0.0/8"), tcp(0, 9, "0.0.0.0/0")},
			[]Cover{{0, []int{1}}}},
		"several": {[]policy.Rule{tcp(1, 1, "11.0.0.0/8"), tcp(1, 4, "10.0.0.0/8"),
			tcp(1, 2, "10.0.0.0/9"), tcp(0, 9, "10.128.0.0/9"), tcp(3, 5, "10.0.0.0/9")},
			[]Cover{{1, []int{2, 3, 4}}, {2, []int{1}}}},
		"a group in everybody": {[]policy.Rule{app, tcp(5, 5, "0.0.0.0/0"), tcp(1, 9, "::/1"),
			tcp(1, 9, "8000::/1")}, []Cover{{0, []int{1, 2, 3}}}},
		"a group in half of them": {[]policy.Rule{app, tcp(5, 5, "0.0.0.0/0")}, nil},
		"of the other ICMP": {[]policy.Rule{{Protocol: policy.ICMP, From: -1, To: -1,
			Peer: policy.Peer{CIDR: policy.AnyIPv6}}}, []Cover{{0, nil}}},
	} {
		if got := nothing.Covered(c.rules); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestCoveredAgainstPoints: a rule is covered exactly when nothing changes without it, and
// by what is said, of which all is needed.
func TestCoveredAgainstPoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := smallRules(t, 8)
		said := make(map[int][]int)
		for _, c := range nothing.Covered(rules) {
			said[c.Rule] = c.By
		}
		for i := range rules {
			var others []policy.Rule
			others = append(append(others, rules[:i]...), rules[i+1:]...)
			by, covered := said[i]
			if want := union(others) == union(rules); covered != want {
				t.Fatalf("%s is covered: %t\n%v", &rules[i], covered, rules)
			}
			for skip := -1; covered && skip < len(by); skip++ {
				var some []policy.Rule
				for k, j := range by {
					if k != skip {
						some = append(some, rules[j])
					}
				}
				if enough := nothing.Set(some...).Covers(nothing.Rule(&rules[i])); enough != (skip < 0) {
					t.Fatalf("%s by %v but %d: %t\n%v", &rules[i], by, skip, enough, rules)
				}
			}
		}
	})
}
