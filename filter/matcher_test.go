package filter

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"sgfw/conntrack"
)

// slowRule and slowMatcher are the matcher's obvious twin: a list, read from
// the front, with netip doing the prefix work.
type slowRule struct {
	prefix netip.Prefix
	lo, hi selector
	rule   RuleID
}

type slowMatcher []slowRule

// permits reports whether any rule permits the selector for the peer, and
// whether this one does.
func (m slowMatcher) permits(peer netip.Addr, s selector, rule RuleID) (some, this bool) {
	for _, r := range m {
		if r.prefix.Contains(peer) && r.lo <= s && s <= r.hi {
			some = true
			this = this || r.rule == rule
		}
	}
	return some, this
}

func (m slowMatcher) grants() []grant {
	var out []grant
	for _, r := range m {
		k, n := prefixKey(r.prefix)
		out = append(out, grant{key: k, bits: n, span: span{lo: r.lo, hi: r.hi, rule: r.rule}})
	}
	return out
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

func randomSelector(rng *rand.Rand) selector {
	protos := []selector{0, 1, 6, 6, 6, 17, 17, 50, 255}
	return protos[rng.IntN(len(protos))]<<16 | selector(rng.IntN(1<<(rng.IntN(16)+1)))
}

func randomMatcher(rng *rand.Rand, v6 bool, n int) slowMatcher {
	bits := 32
	if v6 {
		bits = 128
	}
	m := make(slowMatcher, n)
	for i := range m {
		r := slowRule{prefix: netip.PrefixFrom(randomAddr(rng, v6), rng.IntN(bits+1)).Masked(), rule: RuleID(i + 1)}
		switch rng.IntN(4) {
		case 0: // all protocols
			r.lo, r.hi = 0, portless|maxLow
		case 1: // one selector
			r.lo = randomSelector(rng)
			r.hi = r.lo
		case 2: // one protocol, everything
			r.lo = randomSelector(rng) &^ maxLow
			r.hi = r.lo | maxLow
		default: // a range
			a, b := randomSelector(rng), randomSelector(rng)
			r.lo = min(a, b)
			r.hi = r.lo | (max(a, b) & maxLow)
		}
		m[i] = r
	}
	return m
}

// TestMatcherAgainstTwin compares the compiled matcher with the list on random
// rules: few and many, with much and little nesting, both families.
func TestMatcherAgainstTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		v6 := round%2 == 1
		n := 1 + rng.IntN(1<<(1+rng.IntN(9)))
		slow := randomMatcher(rng, v6, n)
		fast := newMatcher(slow.grants())
		for range 400 {
			peer, s := randomAddr(rng, v6), randomSelector(rng)
			if rng.IntN(2) == 0 { // aim at the border of a rule
				r := slow[rng.IntN(n)]
				peer = r.prefix.Addr()
				s = []selector{r.lo, r.hi, r.lo - 1, r.hi + 1}[rng.IntN(4)]
			}
			if rng.IntN(20) == 0 {
				s = portless
			}
			got := fast.match(conntrack.AddrFrom(peer), s)
			some, this := slow.permits(peer, s, got)
			if some != (got != NoRule) || some && !this {
				t.Fatalf("round %d, %d rules: match(%s, %#x) = rule %d; some rule permits: %t, this one: %t",
					round, n, peer, s, got, some, this)
			}
		}
	}
}

// TestMatcherManyPortsOnePrefix covers the page table and the chain of classes
// that are too big to merge.
func TestMatcherManyPortsOnePrefix(t *testing.T) {
	var slow slowMatcher
	everyone := netip.MustParsePrefix("0.0.0.0/0")
	inner := netip.MustParsePrefix("10.0.0.0/8")
	for i := range 3000 {
		port := selector(conntrack.ProtoTCP<<16 | i*17%65536)
		slow = append(slow, slowRule{everyone, port, port, RuleID(2*i + 1)})
		port = selector(conntrack.ProtoUDP<<16 | i*13%65536)
		slow = append(slow, slowRule{inner, port, port + 2, RuleID(2*i + 2)})
	}
	fast := newMatcher(slow.grants())
	index := make(map[selector]bool)
	innerIndex := make(map[selector]bool)
	for _, r := range slow {
		for s := r.lo; s <= r.hi; s++ {
			if r.prefix == everyone {
				index[s] = true
			}
			innerIndex[s] = true
		}
	}
	outside, inside := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.1.2.3")
	for _, proto := range []selector{conntrack.ProtoTCP, conntrack.ProtoUDP, 50} {
		for port := range selector(65536) {
			s := proto<<16 | port
			if got := fast.match(conntrack.AddrFrom(outside), s) != NoRule; got != index[s] {
				t.Fatalf("outside, selector %#x: %t, want %t", s, got, index[s])
			}
			if got := fast.match(conntrack.AddrFrom(inside), s) != NoRule; got != innerIndex[s] {
				t.Fatalf("inside, selector %#x: %t, want %t", s, got, innerIndex[s])
			}
		}
	}
}

// TestMatcherMemory: a port range costs the same whatever its width, and n
// ports open to everyone beside n hosts do not cost n².
func TestMatcherMemory(t *testing.T) {
	wide := newMatcher(slowMatcher{{netip.MustParsePrefix("0.0.0.0/0"), 6<<16 | 1, 6<<16 | 65535, 1}}.grants())
	if len(wide.spans) != 1 || len(wide.pages) != 0 {
		t.Errorf("tcp 1-65535 takes %d spans and %d pages, want one span", len(wide.spans), len(wide.pages))
	}
	const n = 5000
	var slow slowMatcher
	for i := range n {
		slow = append(slow, slowRule{netip.MustParsePrefix("0.0.0.0/0"), selector(6<<16 | i*2), selector(6<<16 | i*2), RuleID(i + 1)})
		a := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})
		slow = append(slow, slowRule{netip.PrefixFrom(a, 32), 17<<16 | 53, 17<<16 | 53, RuleID(n + i + 1)})
	}
	if m := newMatcher(slow.grants()); len(m.spans) > 3*n {
		t.Errorf("%d rules take %d spans", 2*n, len(m.spans))
	}
}

func TestMatchAllocates(t *testing.T) {
	m := newMatcher(benchRules(1000, false))
	peer := conntrack.AddrFrom(netip.MustParseAddr("10.1.1.1"))
	if n := testing.AllocsPerRun(100, func() { m.match(peer, 6<<16|1000) }); n != 0 {
		t.Errorf("%v allocations a match", n)
	}
}

// benchRules are n rules as they are common: one port of 64, one /24 (or /64) each.
func benchRules(n int, v6 bool) []grant {
	out := make([]grant, n)
	for i := range out {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		if v6 {
			var b [16]byte
			copy(b[:], []byte{0x20, 0x01, 0x0d, 0xb8, byte(i >> 8), byte(i)})
			prefix = netip.PrefixFrom(netip.AddrFrom16(b), 64)
		}
		k, bits := prefixKey(prefix)
		port := selector(conntrack.ProtoTCP<<16 | (1000 + i%64))
		out[i] = grant{key: k, bits: bits, span: span{lo: port, hi: port, rule: RuleID(i + 1)}}
	}
	return out
}

// BenchmarkMatch is the matcher alone: pseudo-random peers that a rule permits
// (hit) and peers outside every prefix (miss).
func BenchmarkMatch(b *testing.B) {
	for _, v6 := range []bool{false, true} {
		for _, n := range []int{10, 100, 1000, 10000} {
			m := newMatcher(benchRules(n, v6))
			for _, hit := range []bool{true, false} {
				name := fmt.Sprintf("v4/rules=%d/hit=%t", n, hit)
				if v6 {
					name = fmt.Sprintf("v6/rules=%d/hit=%t", n, hit)
				}
				type probe struct {
					peer conntrack.Addr
					s    selector
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
					probes[i] = probe{conntrack.AddrFrom(a), selector(conntrack.ProtoTCP<<16 | (1000 + j%64))}
				}
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					i, found := 0, 0
					for b.Loop() {
						p := &probes[i&4095]
						if m.match(p.peer, p.s) != NoRule {
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
