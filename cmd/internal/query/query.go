package query

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/policy"
)

// Keys of terms.
const (
	Port    = "port"    // of either end, or a range
	Proto   = "proto"   // name or number
	Reason  = "reason"  // of a verdict
	Verdict = "verdict" // accept or drop
	From    = "from"    // source: address, CIDR, address and port, or :port
	To      = "to"      // destination, likewise
	Addr    = "addr"    // address or CIDR of either end
	Group   = "group"   // name or ID
	Rule    = "rule"    // GROUP/DIRECTION/INDEX or ID
	Iface   = "iface"   // device, beginning of names and a *, or ID
	Dir     = "dir"     // ingress or egress
	State   = "state"   // of a flow
	Flags   = "flags"   // of a TCP segment
)

// OfVerdicts are the keys that verdicts can be selected by, OfFlows those for flows.
var (
	OfVerdicts = []string{Port, Proto, Reason, Verdict, From, To, Addr, Group, Rule, Iface, Dir, Flags}
	OfFlows    = []string{Port, Proto, From, To, Addr, Group, Rule, Iface, Dir, State}
)

// maxTerms bounds what a selection costs for each packet.
const maxTerms = 32

// maxText bounds a query in bytes.
const maxText = 4096

// Value is one alternative of a term.
type Value struct {
	Text string
	// Column is where it begins, counted in bytes from 1; 0 if it was not parsed.
	Column int
}

// Term is one part of a query. It holds if one of its values does or, with Not, if none.
type Term struct {
	Key    string
	Not    bool
	Values []Value
}

// Of is the term of values that were not parsed, as those of flags are.
func Of(key string, values ...string) Term {
	t := Term{Key: key}
	for _, v := range values {
		t.Values = append(t.Values, Value{Text: v})
	}
	return t
}

// Error is what is wrong with a query, and where.
type Error struct {
	// Column counts bytes from 1; 0 for what was not parsed.
	Column int
	Err    error
	// Hint says what to do about it, "" if nothing does.
	Hint string
}

// Error implements error.
func (e *Error) Error() string {
	s := e.Err.Error()
	if e.Column > 0 {
		s = fmt.Sprintf("query, column %d: %s", e.Column, s)
	}
	if e.Hint != "" {
		s += " (hint: " + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// At says where in a query a value is wrong.
func At(v Value, err error) error { return &Error{Column: v.Column, Err: err} }

// Unknown is the error of a value that is none of some words.
func Unknown(key string, v Value, words []string) error {
	e := &Error{Column: v.Column,
		Err: fmt.Errorf("%s %q is none of %s", key, v.Text, strings.Join(words, ", "))}
	if near := policy.Suggest(v.Text, words); near != "" {
		e.Hint = "did you mean " + near + "?"
	}
	return e
}

// Parse reads a query whose keys are some of those that there are. Errors are an [*Error].
func Parse(text string, keys []string) ([]Term, error) {
	if len(text) > maxText {
		return nil, &Error{Column: maxText + 1, Err: fmt.Errorf("more than %d bytes", maxText)}
	}
	p := parser{text: text}
	var out []Term
	for {
		p.skip()
		if p.at == len(p.text) {
			return out, nil
		}
		if len(out) == maxTerms {
			return nil, p.wrong("more than %d terms", maxTerms)
		}
		t, err := p.term(keys)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
}

// parser stands at a byte of a query.
type parser struct {
	text string
	at   int
}

func (p *parser) wrong(format string, a ...any) *Error {
	return &Error{Column: p.at + 1, Err: fmt.Errorf(format, a...)}
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (p *parser) skip() {
	for p.at < len(p.text) && blank(p.text[p.at]) {
		p.at++
	}
}

// term reads a term, which begins here.
func (p *parser) term(keys []string) (t Term, err error) {
	if p.text[p.at] == '-' {
		t.Not = true
		p.at++
	}
	n := 0
	for p.at+n < len(p.text) && p.text[p.at+n] != ':' && !blank(p.text[p.at+n]) {
		n++
	}
	t.Key = p.text[p.at : p.at+n]
	if p.at+n == len(p.text) || p.text[p.at+n] != ':' {
		e := p.wrong("%q is no term", t.Key)
		e.Hint = "terms are KEY:VALUE, such as port:443"
		return t, e
	}
	if !slices.Contains(keys, t.Key) {
		e := p.wrong("no key %q here", t.Key)
		if near := policy.Suggest(t.Key, keys); near != "" {
			e.Hint = "did you mean " + near + "?"
		} else {
			e.Hint = "keys are " + strings.Join(keys, ", ")
		}
		return t, e
	}
	for p.at += n; ; {
		p.at++ // colon or comma
		v := Value{Column: p.at + 1}
		if v.Text, err = p.value(); err != nil {
			return t, err
		}
		if v.Text == "" {
			p.at = v.Column - 1
			return t, p.wrong("%s has no value here", t.Key)
		}
		t.Values = append(t.Values, v)
		switch {
		case p.at == len(p.text) || blank(p.text[p.at]):
			return t, nil
		case p.text[p.at] != ',':
			return t, p.wrong("after a quoted value comes a space or a comma")
		}
	}
}

// value reads what stands between quotes, or up to a blank or a comma.
func (p *parser) value() (string, error) {
	begin := p.at
	if begin == len(p.text) || p.text[begin] != '"' {
		for p.at < len(p.text) && p.text[p.at] != ',' && !blank(p.text[p.at]) {
			p.at++
		}
		return p.text[begin:p.at], nil
	}
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return b.String(), nil
		case c == '\\' && p.at+1 < len(p.text):
			p.at++
			b.WriteByte(p.text[p.at])
		default:
			b.WriteByte(c)
		}
	}
	p.at = begin
	return "", p.wrong("the quotes are not closed")
}

// Quote is a value as Parse reads it.
func Quote(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\r\n,\"") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// String is the term as Parse reads it.
func (t Term) String() string {
	var b strings.Builder
	if t.Not {
		b.WriteByte('-')
	}
	b.WriteString(t.Key)
	for i, v := range t.Values {
		b.WriteByte(":,"[min(i, 1)])
		b.WriteString(Quote(v.Text))
	}
	return b.String()
}
