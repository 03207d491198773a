package screen

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestClean: no byte from outside reaches a terminal as anything but text.
func TestClean(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", ""},
		{"eth0 über 日本", "eth0 über 日本"},
		{"a\x1b[2Jb", `a\x1b[2Jb`},
		{"a\tb\nc\r\x00\x7f", `a\tb\nc\r\x00\x7f`},
		{"\u009b31m", `\u009b31m`},         // CSI in one character
		{"\x9b31m\xff", `\x9b31m\xff`},     // and in one byte
		{"safe\u202etxt", `safe\u202etxt`}, // right to left
	} {
		if got := Clean(tc.in); got != tc.want {
			t.Errorf("Clean(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
	if got := CleanLines("a\nb\x1bc"); got != "a\nb\\x1bc" {
		t.Errorf("CleanLines: %q", got)
	}
}

func TestWidth(t *testing.T) {
	for text, want := range map[string]int{"": 0, "eth0": 4, "Büro": 4, "u\u0308": 1,
		"日本": 4, "…": 1,
		"🔥x": 3, "（": 2} {
		if got := Width(text); got != want {
			t.Errorf("Width(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tc := range []struct {
		in     string
		width  int
		indent string
		want   string
	}{
		{"short", 10, "", "short"},
		{"as long as it wants", 0, "", "as long as it wants"},
		{"one two three", 8, "", "one two|three"},
		{"one two three four", 9, "  ", "one two|  three|  four"},
		{"  keeps its place", 9, "    ", "  keeps|    its|    place"},
		{"[2001:db8:1:2::1]:50000", 18, "", "[2001:db8:1:2::1]:|50000"},
		{"web/ingress/0 sgr", 12, "", "web/ingress/|0 sgr"},
		{"abcdefghij", 4, "", "abcd|efgh|ij"},
		{"日本日本", 5, "", "日本|日本"},
	} {
		if got := strings.Join(Wrap(tc.in, tc.width, tc.indent), "|"); got != tc.want {
			t.Errorf("Wrap(%q, %d, %q) = %q, want %q", tc.in, tc.width, tc.indent, got, tc.want)
		}
	}
}

// TestWrapLosesNothing: lines fit, and only spaces at their ends are gone.
func TestWrapLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z日:/. -]{0,60}`).Draw(t, "text")
		width := rapid.IntRange(4, 30).Draw(t, "width")
		lines := Wrap(text, width, "")
		for _, line := range lines {
			if Width(strings.TrimLeft(line, " ")) > width || !utf8.ValidString(line) {
				t.Fatalf("%q is wider than %d", line, width)
			}
		}
		squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if squeeze(strings.Join(lines, "")) != squeeze(text) {
			t.Fatalf("%q became %q", text, lines)
		}
	})
}
