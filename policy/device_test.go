package policy

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// naiveMatch tries the exact name, then altnames in the order of the policy, then ever
// shorter patterns.
func naiveMatch(p *Policy, device string, altnames []string) (int, bool) {
	if device == "lo" {
		return 0, false
	}
	candidates := []string{device}
	for i := range p.Interfaces {
		if n := p.Interfaces[i].Device; slices.Contains(altnames, n) {
			candidates = append(candidates, n)
		}
	}
	for n := len(device); n >= 0; n-- {
		candidates = append(candidates, device[:n]+"*")
	}
	for _, c := range candidates {
		if i := slices.IndexFunc(p.Interfaces, func(n Interface) bool { return n.Device == c }); i >= 0 {
			return i, true
		}
	}
	return 0, false
}

func TestMatch(t *testing.T) {
	pool := []string{"eth0", "eth1", "eth0*", "eth*", "et*", "*", "e*", "veth-web-*", "veth-*", "lo",
		"l*", "lo*"}
	devices := []string{"eth0", "eth1", "eth00", "eth2", "e", "veth-web-1", "veth-web", "veth-db",
		"lo", "lo0", "", "wlan0"}
	rnd := rand.New(rand.NewPCG(3, 3))
	altnames := []string{"lan", "eth1", "a*", "abcdefghijklmnopqrst"}
	pool = append(pool, "lan", "abcdefghijklmnopqrst")
	found, other := 0, 0
	for range 500 {
		rnd.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
		p := &Policy{}
		for _, d := range pool[:rnd.IntN(len(pool)+1)] {
			p.Interfaces = append(p.Interfaces, Interface{Device: d})
		}
		for _, d := range devices {
			altnames := altnames[:rnd.IntN(len(altnames)+1)]
			got, ok := p.Match(d, altnames...)
			want, wantOK := naiveMatch(p, d, altnames)
			if ok != wantOK || ok && got != want {
				t.Fatalf("%q %v among %v: %d %v, want %d %v", d, altnames, pool[:len(p.Interfaces)], got, ok,
					want, wantOK)
			}
			if !ok {
				continue
			}
			found++
			n := &p.Interfaces[got]
			if !n.Matches(d, altnames...) {
				t.Fatalf("%q %v: %s does not match", d, altnames, n.Device)
			}
			if called := n.Calls(d); called != d && (n.Pattern() || !slices.Contains(altnames, called)) {
				t.Fatalf("%q %v: %s calls it %s", d, altnames, n.Device, called)
			} else if called != d {
				other++
			}
		}
	}
	if found < 100 || other < 100 {
		t.Errorf("only %d devices found, %d by an altname", found, other)
	}
}

func TestCheckDevice(t *testing.T) {
	for _, good := range []string{
		"eth0", "veth-web-*", "*", "abcdefghijklmno", "abcdefghijklmno*", "eth0.100", "br-1", "lo1", "l*",
		".a", strings.Repeat("a", 127), "enP65535p255s255f255n0np0", "@a"} {
		if bad := CheckDevice(good); bad != nil {
			t.Errorf("%q is refused: %v", good, bad)
		}
	}
	for _, bad := range []string{"", "lo", "abcdefghijklmnop*", "a*b", "**", "*a", "a/b", "a:b", "a b",
		"a\tb", "a\x00", "ä", ".", "..", strings.Repeat("a", 128), "e0@if7",
		"sit0@NONE"} {
		if CheckDevice(bad) == nil {
			t.Errorf("%q passes", bad)
		}
	}
}
