package space

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"sgfw/policy"
)

// manyRules are as many rules as an interface can have: ranges and networks that overlap at
// random, or lie beside one another.
func manyRules(kind string) (out []policy.Rule) {
	rng := rand.New(rand.NewPCG(3, 5))
	for i := range 1000 {
		r := policy.Rule{Index: i, Protocol: policy.TCP, From: rng.IntN(65536)}
		a := netip.AddrFrom4([4]byte{10, byte(rng.IntN(256)), byte(rng.IntN(256)), byte(rng.IntN(256))})
		switch kind {
		case "scattered":
			r.To, r.Peer.CIDR = r.From, netip.PrefixFrom(a, 24+rng.IntN(9))
		case "overlapping":
			r.To = r.From + rng.IntN(65536-r.From)
			r.Peer.CIDR = netip.PrefixFrom(a, 8+rng.IntN(25))
		case "hosts in a network":
			r.From = 8000 + rng.IntN(4)
			r.To = r.From + rng.IntN(3)
			a = netip.AddrFrom4([4]byte{10, 0, byte(rng.IntN(2)), byte(rng.IntN(256))})
			r.Peer.CIDR = netip.PrefixFrom(a, 32)
		case "everybody and hosts":
			r.To, r.Peer.CIDR = r.From, netip.PrefixFrom(a, 32)
			if i%2 == 0 {
				r.Peer.CIDR = policy.AnyIPv4
			}
		case "nested":
			r.From, r.To = i, 65535-i
			r.Peer.CIDR = netip.PrefixFrom(a, 32)
		}
		r.Peer.CIDR = r.Peer.CIDR.Masked()
		out = append(out, r)
	}
	return out
}

// TestManyRules: the largest groups there can be are shortened, compared and said in bounded
// time, and what comes out means the same.
func TestManyRules(t *testing.T) {
	for _, kind := range []string{"scattered", "overlapping", "hosts in a network",
		"everybody and hosts", "nested"} {
		rules := manyRules(kind)
		began := time.Now()
		set := nothing.Set(rules...)
		built := time.Since(began)
		short, proved := nothing.Minimal(rules)
		shortened := time.Since(began) - built
		lines := len(set.Lines())
		said := time.Since(began) - built - shortened
		covered := len(nothing.Covered(rules))
		t.Logf("%s: set %v, %d rules (%t) %v, %d lines %v, %d covered %v", kind, built, len(short),
			proved, shortened, lines, said, covered, time.Since(began)-built-shortened-said)
		if !nothing.Set(short...).Equal(set) {
			t.Errorf("%s: the rules mean something else", kind)
		}
		if len(short) > len(rules) {
			t.Errorf("%s: %d rules became %d", kind, len(rules), len(short))
		}
	}
}
