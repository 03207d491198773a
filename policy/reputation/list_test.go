package reputation

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

const fireHOL = `#
# firehol_level1
#
# ipv4 hash:net ipset
#
# Maintainer      : FireHOL
# List source URL :
# Source File Date: Sat Mar  2 03:21:08 UTC 2024
#
# This File Date  : Sat Mar  2 03:25:01 UTC 2024
# Entries         : 3 subnets, 66049 unique IPs
#
1.10.16.0/20
5.6.0.0/16
5.6.7.8
`

const spamhaus = `; Spamhaus DROP List 2024/03/02 - (c) 2024 The Spamhaus Project SLU
; https://www.spamhaus.org/drop/drop.txt
; Last-Modified: Sat, 02 Mar 2024 02:15:41 GMT
; Expires: Sun, 03 Mar 2024 02:15:41 GMT
1.10.16.0/20 ; SBL256894
2a06:e480::/29 ; SBL301771
`

const spamhausJSON = `{"cidr":"1.10.16.0/20","sblid":"SBL256894","rir":"apnic"}
{"cidr":"2a06:e480::/29","sblid":"SBL301771","rir":"ripencc"}
{"type":"metadata","timestamp":1709345741,"size":2,"copyright":"(c) 2024 The Spamhaus Project SLU"}
`

// TestParse: lists as they are published, with their dates.
func TestParse(t *testing.T) {
	for name, tt := range map[string]struct {
		text, title, date, note string
		entries                 int
	}{
		"FireHOL": {fireHOL, "firehol_level1", "Sat Mar  2 03:21:08 UTC 2024", "", 3},
		"Spamhaus": {spamhaus, "Spamhaus DROP List 2024/03/02", "Sat, 02 Mar 2024 02:15:41 GMT",
			"SBL256894", 2},
		"JSON": {spamhausJSON, "Spamhaus DROP", "2024-03-02 02:15 UTC", "SBL256894", 2},
		"bare": {"1.10.16.0/20\r\n2001:db8::1\r\n", "", "", "", 2},
	} {
		l, problems := Parse("f", []byte(tt.text))
		if l == nil || l.Title != tt.title || l.Date != tt.date || l.Len() != tt.entries {
			t.Errorf("%s: %+v %v", name, l, problems)
			continue
		}
		around, within := l.Overlapping(netip.MustParsePrefix("1.10.17.0/24"))
		if len(around) != 1 || len(within) != 0 || around[0].Note != tt.note {
			t.Errorf("%s: %v %v", name, around, within)
		}
	}
}

// TestParseRefuses: of a list that cannot be read whole there is nothing, and it is said where.
func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "f: the list has no address",
		"# nothing\n":              "f: the list has no address",
		"1.2.3.0/24\n<html>\n":     `f:2:1: "<html>" is no CIDR`,
		"1.2.3.0/33\n":             "f:1:1: ",
		"::ffff:1.2.3.4\n":         "f:1:1: ",
		"1.2.3.4 5.6.7.8\n":        "f:1:1: ",
		"{\"cidr\":\"\"}\n":        "f:1:1: ",
		"{\"cidr\":\n":             "f:1:1: the line is no JSON",
		strings.Repeat("x\n", 1e6): "f:1:1: ",
		strings.Repeat("9", 1<<20): "f:1:1: ",
	} {
		l, problems := Parse("f", []byte(text))
		if l != nil || len(problems) == 0 || len(problems) > 3000 ||
			!strings.HasPrefix(problems[0].Error(), want) || len(problems[0].Error()) > 300 {
			t.Errorf("%.40q: %v %.300v", text, l != nil, problems)
		}
	}
}

// TestOverlapping: against comparing with each entry.
func TestOverlapping(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	random := func() netip.Prefix {
		if rng.IntN(4) == 0 {
			a := [16]byte{0x2a, 0, byte(rng.IntN(4)), 15: byte(rng.IntN(4))}
			return netip.PrefixFrom(netip.AddrFrom16(a), 20+rng.IntN(109)).Masked()
		}
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(rng.IntN(3)), byte(rng.IntN(4)), 7}),
			8+rng.IntN(25)).Masked()
	}
	for range 300 {
		text := ""
		var entries []netip.Prefix
		for range 1 + rng.IntN(40) {
			c := random()
			entries, text = append(entries, c), text+c.String()+"\n"
		}
		l, problems := Parse("f", []byte(text))
		if l == nil {
			t.Fatal(problems)
		}
		for range 20 {
			c := random()
			want := map[string]bool{}
			for _, e := range entries {
				if e.Overlaps(c) {
					want[fmt.Sprint(e, e.Bits() < c.Bits())] = true
				}
			}
			around, within := l.Overlapping(c)
			for _, e := range around {
				if !want[fmt.Sprint(e.CIDR, true)] {
					t.Fatalf("%s is not around %s", e.CIDR, c)
				}
			}
			for _, e := range within {
				if !want[fmt.Sprint(e.CIDR, false)] {
					t.Fatalf("%s is not within %s", e.CIDR, c)
				}
			}
			if len(around)+len(within) != len(want) {
				t.Fatalf("%s: %v %v, want %v", c, around, within, want)
			}
		}
	}
}

// FuzzParse: no text panics, and a list has entries or there is a problem.
func FuzzParse(f *testing.F) {
	for _, s := range []string{fireHOL, spamhaus, spamhausJSON, "1.2.3.4/", "{}", "\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, problems := Parse("f", data)
		if (l == nil) == (problems.Err() == nil) || l != nil && l.Len() == 0 {
			t.Errorf("%v %v", l, problems)
		}
	})
}
