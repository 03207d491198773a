package file

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sgfw/policy"
)

// meaning compares policies but for where and in which order their rules were written.
var meaning = gocmp.Options{
	cmpopts.IgnoreFields(policy.PrefixList{}, "Pos"),
	cmpopts.IgnoreFields(policy.PrefixEntry{}, "Pos"),
	cmpopts.IgnoreFields(policy.Group{}, "Pos"),
	cmpopts.IgnoreFields(policy.Rule{}, "Pos", "Index"),
	cmpopts.IgnoreFields(policy.Peer{}, "Pos", "Described", "Self"),
	cmpopts.IgnoreFields(policy.NetworkACL{}, "Pos"),
	cmpopts.IgnoreFields(policy.ACLRule{}, "Pos"),
	cmpopts.IgnoreFields(policy.Interface{}, "Pos"),
	cmpopts.IgnoreFields(policy.Remote{}, "Pos"),
	cmpopts.IgnoreFields(policy.Policy{}, "IDs"),
	cmpopts.SortSlices(func(a, b policy.Rule) bool {
		return cmp.Compare(a.String(), b.String()) < 0
	}),
	cmpopts.SortSlices(func(a, b policy.Group) bool { return a.Name < b.Name }),
	cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}),
}

// rewritten is what a policy becomes by being written and read.
func rewritten(t *testing.T, p *policy.Policy, comments Comments) (*policy.Policy, string) {
	t.Helper()
	text := Write(p, comments)
	again, problems, err := Parse("written.yaml", text)
	if err != nil {
		t.Fatalf("what was written is refused: %v\n%s", err, text)
	}
	if problems := problems.Of(policy.SeverityError); len(problems) > 0 {
		t.Fatal(problems)
	}
	return again, string(text)
}

// sameWritten: writing and reading a policy gives the same, and writing that the same text.
func sameWritten(t *testing.T, p *policy.Policy) {
	t.Helper()
	again, text := rewritten(t, p, nil)
	if diff := gocmp.Diff(p, again, meaning); diff != "" {
		t.Fatalf("%s\n%s", diff, text)
	}
	if _, second := rewritten(t, again, nil); second != text {
		t.Fatalf("written again it differs:\n%s\n%s", text, second)
	}
}

// TestWriteAll: every key of the format survives, in words that need quotes.
func TestWriteAll(t *testing.T) {
	for _, text := range seeds(t) {
		if p, _, err := Parse("p.yaml", []byte(text)); err == nil {
			sameWritten(t, p)
		}
	}
	for _, word := range []string{"80", "true", "no", "~", "null", "1.0", "2026-01-01", "0x1f",
		"a: b", "a #b", "#a", "- a", "[a]", "{a}", "it's", `say "hi"`, `back\slash`, "Büro", "*a", "&a",
		"!a", "%a", "@a", "a,b", "=", "<<", "office \U0001F3E2", "\u2028", "\u00a0x", "\U000E0001",
		"a\tb",
		"| a", "> a", "?", "-", "key:", "...", "---", "yes", "1_000", "12:30:45", ".inf", "0o7"} {
		p := &policy.Policy{Quotas: policy.DefaultQuotas, Settings: policy.DefaultSettings,
			Groups: []policy.Group{{Name: "a", Description: "x" + word, Egress: policy.DefaultEgress(),
				Tags: map[string]string{word: word}}}}
		again, problems, err := Parse("written.yaml", Write(p, nil))
		if err != nil && !strings.Contains(problems.Error(), "tag") {
			t.Errorf("%q: %v\n%s", word, err, Write(p, nil))
		} else if err == nil && (again.Groups[0].Tags[word] != word ||
			again.Groups[0].Description != "x"+word) {
			t.Errorf("%q: %+v\n%s", word, again.Groups[0], Write(p, nil))
		}
	}
}

// TestWriteWords: names that some YAML reads as true or false stand in quotes.
func TestWriteWords(t *testing.T) {
	for _, word := range []string{"No", "off", "YES"} {
		p, _, err := Parse("p.yaml", []byte("version: 1\nsecurity_groups: [{ name: a }]\n"+
			"interfaces: [{ device: \""+word+"\", security_groups: [a] }]\n"))
		if err != nil {
			t.Fatal(err)
		}
		sameWritten(t, p)
	}
}

// TestWriteAstray: a comment of a position that no part has stands above the next part of its
// source, behind the last one above that, else at the top, and says where it belongs.
func TestWriteAstray(t *testing.T) {
	p, _, err := Parse("p.yaml", []byte(`version: 1
security_groups:
  - name: a
    ingress:
      - { protocol: tcp, ports: 80, cidr_blocks: [10.0.0.0/8] }
      - { protocol: tcp, ports: 22, self: true }
`))
	if err != nil {
		t.Fatal(err)
	}
	g := &p.Groups[slices.IndexFunc(p.Groups, func(g policy.Group) bool { return !g.Default })]
	for i := range g.Egress { // usual, and so not written
		g.Egress[i].Pos = policy.Pos{File: "p.yaml", Line: 100, Col: 1}
	}
	at := func(file string, line int) policy.Pos { return policy.Pos{File: file, Line: line, Col: 2} }
	c := Comments{}
	c.Add(at("p.yaml", 1), "before the group")
	c.Add(g.Ingress[1].Pos, "its own")
	c.Add(at("p.yaml", 6), "between rules")
	c.Add(at("p.yaml", 99), "behind all")
	c.Add(at("other.yaml", 3), "of another source")
	again, text := rewritten(t, p, c)
	if diff := gocmp.Diff(p, again, meaning); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
	for _, want := range []string{"# other.yaml:3:2: of another source\n\nversion: 1\n",
		"  # p.yaml:1:2: before the group\n  - name: a\n",
		"      # p.yaml:6:2: between rules\n      # p.yaml:99:2: behind all\n      # its own\n" +
			"      - protocol: tcp\n        ports: 22\n"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "egress") {
		t.Errorf("a comment made what is usual stand there:\n%s", text)
	}
	for i := range 1000 {
		c.Add(at("p.yaml", 200+i), "one more")
	}
	_, text = rewritten(t, p, c)
	if n := strings.Count(text, "one more"); n != maxAstray-2 {
		t.Errorf("%d of 1000 comments at one part", n)
	}
	if !strings.Contains(text, "and 982 more of this kind\n") {
		t.Errorf("nothing is said of the others:\n%s", text)
	}
}

// TestWriteComments: each stands once above its part, in short lines that cannot be
// anything but comments.
func TestWriteComments(t *testing.T) {
	p, _, err := Parse("p.yaml", []byte(`version: 1
prefix_lists:
  - name: l
    entries: [{ cidr: 10.0.0.0/8 }]
security_groups:
  - name: a
    ingress:
      - { protocol: tcp, ports: [80, 443], cidr_blocks: [10.0.0.0/8, 192.0.2.0/24] }
      - { protocol: tcp, ports: 22, prefix_lists: [l], self: true }
interfaces:
  - { device: eth0, security_groups: [a] }
peers:
  - { name: p, addresses: [10.0.0.1], security_groups: [a] }
`))
	if err != nil {
		t.Fatal(err)
	}
	c := Comments{}
	c.Add(policy.Pos{}, "the top\nof it")
	c.Add(p.PrefixLists[0].Pos, "the list")
	c.Add(p.PrefixLists[0].Entries[0].Pos, "the entry")
	c.Add(p.Groups[0].Pos, "sg-1\x1b[31m\u2028- name: evil")
	c.Add(p.Groups[0].Ingress[0].Pos, "long %s", strings.Repeat("words ", 40))
	c.Add(p.Interfaces[0].Pos, "the device")
	c.Add(p.Remotes[0].Pos, "the peer")
	again, text := rewritten(t, p, c)
	if diff := gocmp.Diff(p, again, meaning); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
	for _, want := range []string{"# the top\n# of it\n\nversion: 1\n", "  # the list\n  - name: l\n",
		"      # the entry\n      - { cidr: 10.0.0.0/8 }\n", "  # sg-1 [31m - name: evil\n  - name: a\n",
		"  # the device\n  - device: eth0\n", "  # the peer\n  - name: p\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "words"); n != 40 {
		t.Errorf("%d words of 40:\n%s", n, text)
	}
	for line := range strings.Lines(text) {
		if len(line) > width+1 {
			t.Errorf("a long line: %q", line)
		}
	}
	if len(c) != 7 {
		t.Error("the caller's comments changed")
	}
	if !slices.Contains(strings.Split(text, "\n"), "        self: true") {
		t.Errorf("no self:\n%s", text)
	}
}
