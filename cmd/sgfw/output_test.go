package main

import (
	"strings"
	"testing"

	"sgfw/cmd/internal/api"
)

// TestPlain: no byte from outside reaches a terminal as anything but text.
func TestPlain(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", ""},
		{"eth0 über 日本", "eth0 über 日本"},
		{"a\x1b[2Jb", `a\x1b[2Jb`},
		{"a\tb\nc\r\x00\x7f", `a\tb\nc\r\x00\x7f`},
		{"\u009b31m", `\u009b31m`},         // CSI in one character
		{"\x9b31m\xff", `\x9b31m\xff`},     // and in one byte
		{"safe\u202etxt", `safe\u202etxt`}, // right to left
	} {
		if got := plain(tc.in); got != tc.want {
			t.Errorf("plain(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
	if got := plainLines("a\nb\x1bc"); got != "a\nb\\x1bc" {
		t.Errorf("plainLines: %q", got)
	}
	var b strings.Builder
	table := newTable(&b)
	table.row("x\x1b]0;title\a", "one\ntwo", 3)
	if err := table.flush(); err != nil || b.String() != "x\\x1b]0;title\\a  one; two  3\n" {
		t.Errorf("row: %q, %v", b.String(), err)
	}
}

// TestProblemLine: what is not known of a place is left out.
func TestProblemLine(t *testing.T) {
	for _, tc := range []struct {
		problem api.Problem
		want    string
	}{
		{api.Problem{Severity: "error", Message: "m"}, "m"},
		{api.Problem{Severity: "error", File: "f", Message: "m"}, "f: m"},
		{api.Problem{Severity: "error", File: "f", Line: 8, Message: "m", Hint: "h"}, "f:8: m (hint: h)"},
		{api.Problem{Severity: "notice", File: "f", Line: 8, Col: 3, Message: "m", Hint: "h", Code: "C"},
			"f:8:3: notice: m (hint: h) [C]"},
	} {
		if got := problemLine(tc.problem); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.problem, got, tc.want)
		}
	}
}
