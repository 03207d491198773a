//go:build !race

// The race detector has its own memory, and finds no race in one goroutine.

package file

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// maker makes files as large as its limits allow.
type maker struct {
	size int // bytes
	most int // of structure, as clean counts it
	// used is how many MB reading such a file allocates at most, in all.
	used uint64
}

// full ignores the limit on structure; fine is a file of the usual size with a tenth of
// it.
var (
	full = maker{2 << 20, 2 << 20, 1300}
	fine = maker{1 << 20, maxStructure / 10, 150}
)

// structure is what clean counts, and a little more.
func structure(s string) int {
	n := 0
	for i := range len(s) {
		switch s[i] {
		case '\n', ',', '[', '{', '#':
			n++
		case '-', ':', '?':
			if i+1 == len(s) || s[i+1] == ' ' {
				n++
			}
		}
	}
	return n
}

// repeat puts s(0), s(1) … between before and after.
func (m maker) repeat(before, after string, s func(i int) string) string {
	var b strings.Builder
	b.WriteString(before)
	used := structure(before + after)
	for i := 0; ; i++ {
		next := s(i)
		if used += structure(next); b.Len()+len(next)+len(after) > m.size || used > m.most {
			return b.String() + after
		}
		b.WriteString(next)
	}
}

func (m maker) fill(before, s, after string) string {
	n := (m.size - len(before) - len(after)) / len(s)
	if each := structure(s); each > 0 {
		n = min(n, (m.most-structure(before+after))/each)
	}
	return before + strings.Repeat(s, n) + after
}

func (m maker) numbered(before, format, after string) string {
	return m.repeat(before, after, func(i int) string { return fmt.Sprintf(format, i) })
}

func (m maker) addressed(before, format, after string) string {
	return m.repeat(before, after,
		func(i int) string { return fmt.Sprintf(format, i>>16&255, i>>8&255, i&255) })
}

// hostile are files that make a careless reader slow or big.
func (m maker) hostile() map[string]string {
	const top = "version: 1\n"
	bomb := top
	for c := 'b'; c <= 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c,
			strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ","))
	}
	bomb = strings.Replace(bomb, "b:", "a: &a [x,x,x,x,x,x,x,x,x]\nb:", 1)
	group := top + "security_groups:\n  - name: a\n    description: a\n    ingress:\n"
	var deep strings.Builder
	for i := 0; deep.Len()+i+4 < m.size; i++ {
		deep.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return map[string]string{
		"bomb":              bomb,
		"aliases":           m.fill("a: &a x\nb: [", "*a,", "]"),
		"anchors":           m.fill(top, "- &a a\n", ""),
		"tags":              m.fill(top+"settings:\n", "- !!a a\n", ""),
		"merges":            m.fill("a: &a {b: c}\nd:\n", "- <<: *a\n", ""),
		"flow lists":        m.fill(top+"settings: ", "[", ""),
		"closed flow lists": top + "settings: " + strings.Repeat("[", 9999) + strings.Repeat("]", 9999),
		"flow maps":         m.fill(top+"settings: ", "{a: ", ""),
		"dashes":            m.fill("", "- ", ""),
		"question marks":    m.fill("", "? ", ""),
		"deep block":        deep.String(),
		"many shallow nests": m.fill("a:\n", "- "+strings.Repeat("[", 900)+strings.Repeat("]", 900)+"\n",
			""),
		"keys":         m.numbered(top, "k%d: 1\n", ""),
		"same keys":    m.fill(top, "version: 1\n", ""),
		"null keys":    m.numbered("", "%x:\n", ""),
		"flow nulls":   m.fill("a: [", "a,", "]"),
		"flow keys":    m.numbered("{", "%x,", "}"),
		"flow pairs":   m.fill("a: [", "a: b,", "]"),
		"empty maps":   m.fill(top+"peers: [", "{},", "]"),
		"empty groups": m.fill(top+"security_groups: [", "{},", "]"),
		"empty rules":  m.fill(group, "      - {}\n", ""),
		"empty lists":  m.fill(top+"security_groups: [", "{ingress: [{}]},", "]"),
		"short rules":  m.fill(group, "      - { protocol: -1, self: true }\n", ""),
		"good rules": m.addressed(group,
			"      - { protocol: -1, cidr_blocks: [10.%d.%d.%d/32] }\n", ""),
		"a long rule": m.addressed(group+"      - { protocol: -1, cidr_blocks: [",
			"%d.%d.%d.1/32,", "0.0.0.0/0] }"),
		"short peers": m.fill(group+"      - { protocol: -1, security_groups: [", "a,", "a] }"),
		"IPv6 peers": m.fill(group+"      - { protocol: -1, ipv6_cidr_blocks: [", "1::/0,",
			"1::/0] }"),
		"unknown peers": m.numbered(group+"      - { protocol: -1, security_groups: [", "g%d,",
			"a] }"),
		"bad peers": m.fill(group+"      - { protocol: -1, cidr_blocks: [", "x,", "x] }"),
		"groups": m.numbered(top+"security_groups:\n", "  - { name: g%d, description: x }\n",
			""),
		"groups and typos": m.numbered(top+"security_groups:\n",
			"  - { name: grouq%d, description: x, ingress: [{ protocol: -1, security_groups: [group%[1]d] "+
				"}] }\n", ""),
		"list entries": m.addressed(top+"prefix_lists:\n  - name: a\n    entries:\n",
			"      - cidr: 10.%d.%d.%d/32\n", ""),
		"interfaces":          m.fill(top+"interfaces: [", "{device: x},", "]"),
		"comments":            m.fill("", "#\n", ""),
		"comments in a list":  m.fill("a: [", "a, #\n", "]"),
		"comments on keys":    m.fill("", "a: b #c\n", ""),
		"comments on dashes":  m.fill("", "- #\n", ""),
		"comments below keys": m.fill("", "a:\n #c\n", ""),
		"a long word":         m.fill("", "a", ""),
		"a long name":         m.fill(top+"security_groups: [{ description: x, name: ", "a", " }]"),
		"a long key":          m.fill("", "a", ": 1"),
		"a long number":       m.fill("version: ", "1", "\n"),
		"a long open quote":   m.fill("\"", " ", ""),
		"a long quote":        m.fill("\"", "\\n", "\""),
		"a long block":        m.fill("a: |\n", " x\n", ""),
		"a long fold":         m.fill("a: >\n", " x\n\n", ""),
		"words":               m.fill("", "a ", ""),
		"lines":               m.fill("", "a\n", ""),
		"new lines":           m.fill("", "\n", ""),
		"carriage returns":    m.fill("", "\r", ""),
		"colons":              m.fill("", ":", ""),
		"colons and spaces":   m.fill("", ": ", ""),
		"commas":              m.fill("[", ",", "]"),
		"documents":           m.fill("", "---\n", ""),
		"documents of words":  m.fill("", "--- a\n", ""),
		"directives":          m.fill("", "%a\n", ""),
		"tabs":                m.fill("", "\t", ""),
		"zeros":               m.fill("", "\x00", ""),
		"bad UTF-8":           m.fill("version: ", "\xff", ""),
		"wide characters": m.fill(top+"security_groups: [{ name: x, description: ", "\U0001F525",
			" }]"),
		"separators": m.fill(top, "\u2028", ""),
	}
}

// TestHostile: none of them takes more memory than its size allows, which bounds the
// time as well, and all are refused, in a text that fits on a screen or two.
func TestHostile(t *testing.T) {
	heaviest := []string{"flow lists", "bad peers"}
	for _, m := range []maker{full, fine} {
		for name, text := range m.hostile() {
			if m == full && !slices.Contains(heaviest, name) {
				continue // a second each, and no more memory
			}
			t.Run(fmt.Sprintf("%s up to %d", name, m.most), func(t *testing.T) {
				testHostile(t, text, m.used)
			})
		}
	}
}

func testHostile(t *testing.T, text string, most uint64) {
	data := []byte(text)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, problems, err := Parse("p.yaml", data)
	runtime.ReadMemStats(&after)
	if p != nil || err == nil {
		t.Error("the policy was taken")
	}
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used >= most {
		t.Errorf("%d MB", used)
	} else {
		t.Logf("%d MB, %d problems", used, len(problems))
	}
	if n := len(problems.Error()); n > 64<<10 {
		t.Errorf("%d bytes of problems", n)
	}
}
