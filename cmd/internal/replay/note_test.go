package replay

import (
	"os"
	"strings"
	"testing"

	"sgfw/filter"
)

var full = Note{Verdict: "accept", Reason: "rule", Rule: "front ends/ingress/0", Device: "eth0",
	Direction: "ingress", Hook: filter.HookForward, In: "eth0", Out: "veth-1", Info: 4,
	Before: NoFlow, After: "syn_sent", Ruleset: 7, Bridged: true}

// TestNotes: a comment says what it was made of, whatever names there are.
func TestNotes(t *testing.T) {
	drop := Note{Verdict: "drop", Reason: "no-rule", Device: "eth0", Direction: "ingress",
		Hook: filter.HookInput, In: "eth0", Info: 4, Before: NoFlow, After: NoFlow, Ruleset: 1}
	odd := full
	odd.Rule, odd.In, odd.Reason = "a \"b\"=c\n\x00ü/egress/1", "x=y", "packet: truncated"
	for _, n := range []Note{full, drop, odd} {
		got, err := ParseNote(n.String())
		if err != nil || *got != n {
			t.Errorf("%s\nis read as %+v, %v", n.String(), got, err)
		}
	}
	page, err := os.ReadFile("../../../docs/captures.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(strings.Fields(string(page)), " "), drop.String()) {
		t.Errorf("docs/captures.md does not have %s", drop.String())
	}
}

// TestWrongNotes: comments of others are none of ours, and a broken one of ours is an error.
func TestWrongNotes(t *testing.T) {
	for _, text := range []string{"", "a comment", "sgfw", "sgfwx verdict=drop"} {
		if n, err := ParseNote(text); n != nil || err != nil {
			t.Errorf("%q: %+v, %v", text, n, err)
		}
	}
	for _, text := range []string{"sgfw verdict", "sgfw verdict=drop", "sgfw hook=input",
		"sgfw verdict=drop hook=postal", `sgfw verdict="drop hook=input`,
		"sgfw verdict=drop hook=input info=-1", "sgfw verdict=drop hook=input bridged=perhaps"} {
		if n, err := ParseNote(text); err == nil {
			t.Errorf("%q: %+v", text, n)
		}
	}
	if n, err := ParseNote("sgfw verdict=drop hook=input later=thing"); err != nil || n == nil {
		t.Errorf("with a key of a later version: %v", err)
	}
}

// FuzzParseNote: no comment makes the reader panic, and what is read is written alike.
func FuzzParseNote(f *testing.F) {
	f.Add(full.String())
	f.Add(`sgfw verdict="" hook=input`)
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseNote(text)
		if n == nil || err != nil {
			return
		}
		if again, err := ParseNote(n.String()); err != nil || *again != *n {
			t.Errorf("%q is %+v, which is read as %+v, %v", text, n, again, err)
		}
	})
}
