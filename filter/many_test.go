package filter

import (
	"fmt"
	"net/netip"
	"testing"

	"sgfw/filter/match"
	"sgfw/policy"
	"sgfw/policy/member"
)

// manyEntries are n guests, each with an entry of its own, in one group whose
// members may talk to each other.
func manyEntries(n int) (*policy.Policy, []member.Link) {
	p := &policy.Policy{
		Groups: []policy.Group{{Name: "app", Ingress: []policy.Rule{groupRule(443, "app")},
			Egress: []policy.Rule{groupRule(443, "app")}}},
		Settings: policy.DefaultSettings,
	}
	var links []member.Link
	for i := range n {
		name := fmt.Sprint("tap", i)
		p.Interfaces = append(p.Interfaces,
			policy.Interface{Device: name, Mode: policy.ModeGuest, Groups: []string{"app"},
				Addresses:       []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 10})},
				SourceDestCheck: true, Timeouts: policy.DefaultTimeouts})
		links = append(links, member.Link{Name: name, Index: uint32(i + 2)})
	}
	return p, links
}

// TestGuestsShareRules: the compiled rules of guests with the same groups exist
// once, whatever the number and the entries of the guests.
func TestGuestsShareRules(t *testing.T) {
	p, links := manyEntries(100)
	p.Groups = append(p.Groups, policy.Group{
		Name: "db", Ingress: []policy.Rule{tcpRule(5432, "0.0.0.0/0")}})
	p.Interfaces[7].Groups = []string{"db", "app"}
	p.Interfaces[8].Groups = []string{"app", "db"}
	rs := Compile(p, member.Resolve(p, member.Facts{})).WithLinks(links)
	distinct := make(map[*match.Matcher]int)
	for _, a := range rs.Attachments() {
		distinct[a.matchers[0][0]]++
	}
	if len(distinct) != 2 {
		t.Errorf("%d matchers for two sets of groups", len(distinct))
	}
}

// BenchmarkWithLinks binds a policy to so many devices, as each device that
// comes or goes makes necessary.
func BenchmarkWithLinks(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		p, links := manyEntries(n)
		c := NewCompiler()
		m := member.Resolve(p, member.Facts{})
		rs := c.Compile(p, m)
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			for b.Loop() {
				rs.WithLinks(links)
			}
		})
		b.Run(fmt.Sprintf("compile/entries=%d", n), func(b *testing.B) {
			for b.Loop() {
				c.Compile(p, m)
			}
		})
	}
}
