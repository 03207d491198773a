package query

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	got, err := Parse(` port:443,8000-9000  -proto:icmp group:"front ends","a\"b" from:2001:db8::/32`,
		OfVerdicts)
	want := []Term{
		{Key: Port, Values: []Value{{"443", 7}, {"8000-9000", 11}}},
		{Key: Proto, Not: true, Values: []Value{{"icmp", 29}}},
		{Key: Group, Values: []Value{{"front ends", 40}, {`a"b`, 53}}},
		{Key: From, Values: []Value{{"2001:db8::/32", 65}}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if got, err := Parse("  ", OfFlows); len(got) != 0 || err != nil {
		t.Errorf("nothing: %+v, %v", got, err)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"port:1 prot:icmp": `8: no key "prot" here (hint: did you mean port?)`,
		"-protoo:6":        `2: no key "protoo" here (hint: did you mean proto?)`,
		"state:new":        `1: no key "state" here (hint: keys are `,
		"443":              `1: "443" is no term (hint: terms are KEY:VALUE`,
		"port:":            "6: port has no value here",
		"port:1,,2":        "8: port has no value here",
		`group:"a`:         "7: the quotes are not closed",
		`group:"a"b`:       "10: after a quoted value comes a space or a comma",

		strings.Repeat("port:1 ", maxTerms+1): "225: more than 32 terms",
		strings.Repeat("x", maxText+1):        "4097: more than 4096 bytes",
	} {
		_, err := Parse(text, OfVerdicts)
		e, ok := errors.AsType[*Error](err)
		if !ok || !strings.HasPrefix(err.Error(), "query, column "+want) || e.Column == 0 {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

// TestArguments: what a shell leaves of a query means the same.
func TestArguments(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"port:443", "-proto:icmp"}, "port:443 -proto:icmp"},
		{[]string{"group:front ends,b"}, `group:"front ends",b`},
		{[]string{"port:443 -proto:icmp"}, "port:443 -proto:icmp"},
		{[]string{`group:"front ends" port:1`}, `group:"front ends" port:1`},
		{[]string{" -proto:icmp"}, "-proto:icmp"},
	} {
		if got := FromArguments(c.args); got != c.want {
			t.Errorf("%q: %q, want %q", c.args, got, c.want)
		}
	}
	args := []string{"log", "-f", "-p", "tcp", "-proto:icmp", "-foo:1", "--", "-port:1"}
	want := []string{"log", "-f", "-p", "tcp", " -proto:icmp", "-foo:1", "--", "-port:1"}
	if got := Shield(args); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzParse: no text makes a panic, errors say where, and what is read can be written and
// read again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`port:443 -proto:icmp group:"a b",c`, `-`, `:`, `group:"\`, `a:b`,
		`port:,`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		terms, err := Parse(text, OfVerdicts)
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Column < 1 || e.Column > len(text)+1 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		var written []string
		for _, term := range terms {
			written = append(written, term.String())
		}
		again, err := Parse(strings.Join(written, " "), OfVerdicts)
		if len(strings.Join(written, " ")) > maxText {
			return
		}
		if err != nil || len(again) != len(terms) {
			t.Fatalf("%q became %q: %v", text, written, err)
		}
		for i := range terms {
			if terms[i].String() != again[i].String() {
				t.Errorf("%q became %q", terms[i], again[i])
			}
		}
	})
}
