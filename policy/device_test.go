package policy

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// naiveMatch tries the exact name, then ever shorter patterns.
func naiveMatch(p *Policy, device string) (int, bool) {
	if device == "lo" {
		return 0, false
	}
	candidates := []string{device}
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
	found := 0
	for range 500 {
		rnd.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
		p := &Policy{}
		for _, d := range pool[:rnd.IntN(len(pool)+1)] {
			p.Interfaces = append(p.Interfaces, Interface{Device: d})
		}
		for _, d := range devices {
			got, ok := p.Match(d)
			want, wantOK := naiveMatch(p, d)
			if ok != wantOK || ok && got != want {
				t.Fatalf("%q among %v: %d %v, want %d %v", d, pool[:len(p.Interfaces)], got, ok, want, wantOK)
			}
			if indexed, same := p.Devices().Match(d); same != ok || ok && indexed != got {
				t.Fatalf("%q among %v: by the index %d %v, want %d %v", d, pool[:len(p.Interfaces)], indexed,
					same, got, ok)
			}
			if ok {
				found++
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d devices found", found)
	}
}

func TestCheckDevice(t *testing.T) {
	for _, good := range []string{
		"eth0", "veth-web-*", "*", "abcdefghijklmno", "abcdefghijklmno*", "eth0.100", "br-1", "lo1", "l*",
		".a"} {
		if bad := CheckDevice(good); bad != nil {
			t.Errorf("%q is refused: %v", good, bad)
		}
	}
	for _, bad := range []string{"", "lo", "abcdefghijklmnop", "a*b", "**", "*a", "a/b", "a:b", "a b",
		"a\tb", "a\x00", "ä", ".", "..", strings.Repeat("a", 300)} {
		if CheckDevice(bad) == nil {
			t.Errorf("%q passes", bad)
		}
	}
}
