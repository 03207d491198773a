package yamltext

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestCheck: what is refused, where, and how much structure the rest has.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		text      string
		structure int
		problem   string
	}{
		{"", 0, ""},
		{"a: 1\r\n- b: [1, 2]\n", 5, ""},
		{"- - a: {b: c}", 4, ""},
		{"é: \xff", 0, "1:4: this is not UTF-8 (hint: save the file as UTF-8)"},
		{"é: \uFFFD", 0, ""},
		{"a\né\rb", 0, "2:2: an unusual line break: U+000D (hint: end lines with a line feed)"},
		{"a: \u2029", 0, "1:4: an unusual line break: U+2029 (hint: end lines with a line feed)"},
	} {
		structure, bad := Check([]byte(c.text))
		got := ""
		if bad != nil {
			got = bad.Error()
		}
		if structure != c.structure || got != c.problem {
			t.Errorf("%q: %d %s, want %d %s", c.text, structure, got, c.structure, c.problem)
		}
	}
}

// TestExplain: what people get wrong in YAML has a name and a place.
func TestExplain(t *testing.T) {
	for text, want := range map[string]string{
		"Key: a: b":  `1:6: a text without quotes has a colon (hint: put it in quotes: "a: b")`,
		"a:\n\tb: c": "2:1: a tab in the indentation (hint: indent with spaces)",
		"a: [::/0]": "1:5: between brackets or braces a value cannot begin with a colon " +
			`(hint: put it in quotes, such as "::/0")`,
		"a: {B: 1, C: ::/0}":     "1:14: between brackets or braces",
		"Description: 'it's'":    `1:17: an apostrophe ends the text (hint: put the text in "…", or`,
		`a: "\d"`:                "1:5: between \"…\" a \\ begins an escape",
		"a: *x":                  "1: not YAML: unknown anchor 'x' referenced (hint: check the",
		strings.Repeat("[", 1e5): "1: nested deeper than 7 levels",
		"a: \x00":                "1: not YAML: control characters are not allowed",
	} {
		_, err := Decode(yaml.NewDecoder(bytes.NewReader([]byte(text))))
		if err == nil {
			t.Errorf("%.20q is taken", text)
			continue
		}
		got := Dialect{Depth: 7, Special: "%"}.Explain([]byte(text), err).Error()
		if !strings.HasPrefix(got, want) {
			t.Errorf("%.20q: %s, want %s", text, got, want)
		}
	}
	if _, err := Decode(yaml.NewDecoder(strings.NewReader("# nothing"))); err != io.EOF {
		t.Errorf("%v at the end", err)
	}
}
