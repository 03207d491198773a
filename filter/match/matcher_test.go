package match

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// naiveRule and naiveMatcher are the same lookup, slow and obvious: a list, read from
// the front, with netip doing the prefix work.
type naiveRule struct {
	prefix netip.Prefix
	lo, hi Selector
	rule   RuleNumber
}

type naiveMatcher []naiveRule

// permits reports whether any rule permits the selector for the peer, and
// whether this one does.
func (m naiveMatcher) permits(peer netip.Addr, s Selector, rule RuleNumber) (some, this bool) {
	for _, r := range m {
		if r.prefix.Contains(peer) && r.lo <= s && s <= r.hi {
			some = true
			this = this || r.rule == rule
		}
	}
	return some, this
}

func (m naiveMatcher) grants() []Grant {
	var out []Grant
	for _, r := range m {
		k, n := PrefixKey(r.prefix)
		out = append(out, Grant{Key: k, Bits: n, Span: Span{Lo: r.lo, Hi: r.hi, Rule: r.rule}})
	}
	return out
}

// keyFor is the key of one address.
func keyFor(a netip.Addr) Key {
	k, _ := PrefixKey(netip.PrefixFrom(a, a.BitLen()))
	return k
}

// randomAddr returns an address out of few, so that prefixes nest and collide.
func randomAddr(rng *rand.Rand, v6 bool) netip.Addr {
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

func randomSelector(rng *rand.Rand) Selector {
	protos := []Selector{0, 1, 6, 6, 6, 17, 17, 50, 255}
	return protos[rng.IntN(len(protos))]<<16 | Selector(rng.IntN(1<<(rng.IntN(16)+1)))
}

func randomMatcher(rng *rand.Rand, v6 bool, n int) naiveMatcher {
	bits := 32
	if v6 {
		bits = 128
	}
	m := make(naiveMatcher, n)
	for i := range m {
		r := naiveRule{prefix: netip.PrefixFrom(randomAddr(rng, v6), rng.IntN(bits+1)).Masked(),
			rule: RuleNumber(i + 1)}
		switch rng.IntN(4) {
		case 0: // all protocols
			r.lo, r.hi = 0, Portless|MaxLow
		case 1: // one selector
			r.lo = randomSelector(rng)
			r.hi = r.lo
		case 2: // one protocol, everything
			r.lo = randomSelector(rng) &^ MaxLow
			r.hi = r.lo | MaxLow
		default: // a range
			a, b := randomSelector(rng), randomSelector(rng)
			r.lo = min(a, b)
			r.hi = r.lo | (max(a, b) & MaxLow)
		}
		m[i] = r
	}
	return m
}

// TestMatcherAgainstNaive compares the compiled matcher with the list on random
// rules: few and many, with much and little nesting, both families.
func TestMatcherAgainstNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		v6 := round%2 == 1
		n := 1 + rng.IntN(1<<(1+rng.IntN(9)))
		slow := randomMatcher(rng, v6, n)
		fast := New(slow.grants())
		for range 400 {
			peer, s := randomAddr(rng, v6), randomSelector(rng)
			if rng.IntN(2) == 0 { // aim at the border of a rule
				r := slow[rng.IntN(n)]
				peer = r.prefix.Addr()
				s = []Selector{r.lo, r.hi, r.lo - 1, r.hi + 1}[rng.IntN(4)]
			}
			if rng.IntN(20) == 0 {
				s = Portless
			}
			got := fast.Match(keyFor(peer), s)
			some, this := slow.permits(peer, s, got)
			if some != (got != NoRule) || some && !this {
				t.Fatalf("round %d, %d rules: match(%s, %#x) = rule %d; some rule permits: %t, this one: %t",
					round, n, peer, s, got, some, this)
			}
		}
	}
}

// first is the lowest rule that permits the selector for the peer, NoRule for none.
func (m naiveMatcher) first(peer netip.Addr, s Selector) RuleNumber {
	lowest := NoRule
	for _, r := range m {
		if r.prefix.Contains(peer) && r.lo <= s && s <= r.hi && (lowest == NoRule || r.rule < lowest) {
			lowest = r.rule
		}
	}
	return lowest
}

// TestFirstAgainstNaive compares the ordered lookup with the list, with fewer rules than a
// class merges and with more.
func TestFirstAgainstNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 300 {
		v6 := round%2 == 1
		n := 1 + rng.IntN(1<<(1+rng.IntN(8)))
		slow := randomMatcher(rng, v6, n)
		for i, j := range rng.Perm(n) { // the order is that of the numbers, nothing else
			slow[i].rule = RuleNumber(j + 1)
		}
		fast := New(slow.grants())
		for range 400 {
			peer, s := randomAddr(rng, v6), randomSelector(rng)
			if rng.IntN(2) == 0 {
				r := slow[rng.IntN(n)]
				peer, s = r.prefix.Addr(), []Selector{r.lo, r.hi, r.lo - 1, r.hi + 1}[rng.IntN(4)]
			}
			if got, want := fast.First(keyFor(peer), s), slow.first(peer, s); got != want {
				t.Fatalf("round %d, %d rules: first(%s, %#x) = rule %d, want %d", round, n, peer, s, got, want)
			}
		}
	}
}

// TestMatcherManyPortsOnePrefix covers the page table and the chain of classes
// that are too big to merge.
func TestMatcherManyPortsOnePrefix(t *testing.T) {
	var slow naiveMatcher
	everyone := netip.MustParsePrefix("0.0.0.0/0")
	inner := netip.MustParsePrefix("10.0.0.0/8")
	for i := range 3000 {
		port := Selector(protoTCP<<16 | i*17%65536)
		slow = append(slow, naiveRule{everyone, port, port, RuleNumber(2*i + 1)})
		port = Selector(protoUDP<<16 | i*13%65536)
		slow = append(slow, naiveRule{inner, port, port + 2, RuleNumber(2*i + 2)})
	}
	fast := New(slow.grants())
	index := make(map[Selector]bool)
	innerIndex := make(map[Selector]bool)
	for _, r := range slow {
		for s := r.lo; s <= r.hi; s++ {
			if r.prefix == everyone {
				index[s] = true
			}
			innerIndex[s] = true
		}
	}
	outside, inside := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.1.2.3")
	for _, proto := range []Selector{protoTCP, protoUDP, 50} {
		for port := range Selector(65536) {
			s := proto<<16 | port
			if got := fast.Match(keyFor(outside), s) != NoRule; got != index[s] {
				t.Fatalf("outside, selector %#x: %t, want %t", s, got, index[s])
			}
			if got := fast.Match(keyFor(inside), s) != NoRule; got != innerIndex[s] {
				t.Fatalf("inside, selector %#x: %t, want %t", s, got, innerIndex[s])
			}
		}
	}
}

// TestMatcherMemory: a port range costs the same whatever its width, and n
// ports open to everyone beside n hosts do not cost n².
func TestMatcherMemory(t *testing.T) {
	wide := New(naiveMatcher{{netip.MustParsePrefix("0.0.0.0/0"), 6<<16 | 1, 6<<16 | 65535,
		1}}.grants())
	if len(wide.spans) != 1 || len(wide.pages) != 0 {
		t.Errorf("tcp 1-65535 takes %d spans and %d pages, want one span", len(wide.spans),
			len(wide.pages))
	}
	const n = 5000
	var slow naiveMatcher
	for i := range n {
		slow = append(slow, naiveRule{
			netip.MustParsePrefix("0.0.0.0/0"), Selector(6<<16 | i*2), Selector(6<<16 | i*2),
			RuleNumber(i + 1)})
		a := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})
		slow = append(slow, naiveRule{
			netip.PrefixFrom(a, 32), 17<<16 | 53, 17<<16 | 53, RuleNumber(n + i + 1)})
	}
	if m := New(slow.grants()); len(m.spans) > 3*n {
		t.Errorf("%d rules take %d spans", 2*n, len(m.spans))
	}
}

func TestMatchAllocates(t *testing.T) {
	m := New(benchRules(1000, false))
	peer := keyFor(netip.MustParseAddr("10.1.1.1"))
	if n := testing.AllocsPerRun(100, func() { m.Match(peer, 6<<16|1000) }); n != 0 {
		t.Errorf("%v allocations a match", n)
	}
}

// benchRules are n rules as they are common: one port of 64, one /24 (or /64) each.
func benchRules(n int, v6 bool) []Grant {
	out := make([]Grant, n)
	for i := range out {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		if v6 {
			var b [16]byte
			copy(b[:], []byte{0x20, 0x01, 0x0d, 0xb8, byte(i >> 8), byte(i)})
			prefix = netip.PrefixFrom(netip.AddrFrom16(b), 64)
		}
		k, bits := PrefixKey(prefix)
		port := Selector(protoTCP<<16 | (1000 + i%64))
		out[i] = Grant{Key: k, Bits: bits, Span: Span{Lo: port, Hi: port, Rule: RuleNumber(i + 1)}}
	}
	return out
}

// BenchmarkMatch is the matcher alone: pseudo-random peers that a rule permits
// (hit) and peers outside every prefix (miss).
func BenchmarkMatch(b *testing.B) {
	for _, v6 := range []bool{false, true} {
		for _, n := range []int{10, 100, 1000, 10000} {
			m := New(benchRules(n, v6))
			for _, hit := range []bool{true, false} {
				name := fmt.Sprintf("v4/rules=%d/hit=%t", n, hit)
				if v6 {
					name = fmt.Sprintf("v6/rules=%d/hit=%t", n, hit)
				}
				type probe struct {
					peer Key
					s    Selector
				}
				probes := make([]probe, 4096)
				rng := rand.New(rand.NewPCG(3, 4))
				for i := range probes {
					j := rng.IntN(n)
					a := netip.AddrFrom4([4]byte{10, byte(j >> 8), byte(j), 9})
					if !hit {
						a = netip.AddrFrom4([4]byte{192, 0, byte(j >> 8), byte(j)})
					}
					if v6 {
						raw := [16]byte{0x20, 0x01, 0x0d, 0xb8, byte(j >> 8), byte(j), 0, 0, 9}
						raw[6], raw[7], raw[8] = 0, 0, 9
						if !hit {
							raw[1] = 2
						}
						a = netip.AddrFrom16(raw)
					}
					probes[i] = probe{keyFor(a), Selector(protoTCP<<16 | (1000 + j%64))}
				}
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					i, found := 0, 0
					for b.Loop() {
						p := &probes[i&4095]
						if m.Match(p.peer, p.s) != NoRule {
							found++
						}
						i++
					}
					if hit != (found > 0) {
						b.Fatalf("%d of %d found", found, i)
					}
				})
			}
		}
	}
}

// TestSharedClassesKeepTheirSurroundings: prefixes that have the same ranges share a
// class only inside the same wider prefixes.
func TestSharedClassesKeepTheirSurroundings(t *testing.T) {
	var naive naiveMatcher
	number := RuleNumber(0)
	add := func(prefix string, port Selector) {
		number++
		s := protoTCP<<16 | port
		naive = append(naive, naiveRule{netip.MustParsePrefix(prefix), s, s, number})
	}
	for i := range Selector(40) {
		add("10.0.0.0/8", 1000+i)
		add("20.0.0.0/8", 2000+i)
	}
	// One rule whose prefix list has a prefix in each.
	number++
	for _, prefix := range []string{"10.1.0.0/16", "20.1.0.0/16"} {
		s := Selector(protoTCP<<16 | 443)
		naive = append(naive, naiveRule{netip.MustParsePrefix(prefix), s, s, number})
	}
	m := New(naive.grants())
	for _, c := range []struct {
		permits bool
		peer    string
		port    Selector
	}{
		{true, "10.1.0.1", 1000}, {false, "10.1.0.1", 2000}, {true, "10.1.0.1", 443},
		{false, "20.1.0.1", 1000}, {true, "20.1.0.1", 2000}, {true, "20.1.0.1", 443},
		{false, "10.2.0.1", 443}, {false, "20.2.0.1", 443},
	} {
		got := m.Match(keyFor(netip.MustParseAddr(c.peer)), protoTCP<<16|c.port) != NoRule
		if got != c.permits {
			t.Errorf("permits tcp/%d from %s: %t, want %t", c.port, c.peer, got, c.permits)
		}
	}
}
