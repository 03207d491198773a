package tree

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"sgfw/policy"
)

// parser reads JSON (RFC 8259).
type parser struct {
	*Reader
	s      []byte
	at     int // in s
	line   int32
	begins int // the line, in s
	// seen are bytes of the line that are counted, wide those that begin no character.
	seen, wide int
	// slab is where nodes are made, and chunk how big the last one was. Each part has its own,
	// so that it can be freed.
	slab  []Node
	chunk int
	texts map[string]string // one for all that are equal, as keys are
	bad   *policy.Problem
}

func (r *Reader) json(data []byte) *policy.Problem {
	p := &parser{Reader: r, s: data, line: 1, texts: map[string]string{}}
	for p.next(); p.going() && p.at < len(p.s); p.next() {
		p.bad = p.begin(p.line, p.col(), "something follows the end of the document")
		if p.going() {
			p.document()
		}
	}
	return p.bad
}

// going is false where there is nothing more to do.
func (p *parser) going() bool { return p.bad == nil && !p.stopped }

// document reads a value at the top and visits its parts.
func (p *parser) document() {
	if p.next() == '[' && p.lists("") {
		p.stream("", 0)
		return
	}
	if root := p.value(0); p.going() && root.Kind != Null {
		p.visit("", root)
	}
}

// col is the column of where the parser is.
func (p *parser) col() int32 {
	for p.seen < p.at-p.begins {
		if !utf8.RuneStart(p.s[p.begins+p.seen]) {
			p.wide++
		}
		p.seen++
	}
	return int32(p.at - p.begins - p.wide + 1)
}

func (p *parser) newline() {
	p.line++
	p.begins, p.seen, p.wide = p.at+1, 0, 0
}

func (p *parser) fail(hint, format string, a ...any) {
	if p.at >= len(p.s) {
		hint, format, a = "is the file whole?", "the text ends in the middle of it", nil
	}
	if p.bad == nil {
		p.bad = problem(p.line, p.col(), hint, format, a...)
	}
}

func (p *parser) space() {
	for ; p.at < len(p.s); p.at++ {
		switch p.s[p.at] {
		case ' ', '\t', '\r':
		case '\n':
			p.newline()
		default:
			return
		}
	}
}

// next is the next character after spaces; 0 at the end.
func (p *parser) next() byte {
	p.space()
	if p.at >= len(p.s) {
		return 0
	}
	return p.s[p.at]
}

func (p *parser) node(kind Kind) *Node {
	if p.bad == nil {
		p.bad = p.count(1, p.line, p.col())
	}
	if len(p.slab) == 0 {
		p.chunk = min(2*p.chunk+16, 512)
		p.slab = make([]Node, p.chunk)
	}
	n := &p.slab[0]
	p.slab = p.slab[1:]
	n.Kind, n.Line, n.Col = kind, p.line, p.col()
	return n
}

func (p *parser) value(depth int) *Node {
	switch c := p.next(); {
	case depth > p.depth:
		if p.bad == nil {
			p.bad = p.tooDeep(p.line, p.col())
		}
		return nil
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.list(depth)
	case c == '"':
		n := p.node(Text)
		n.Text = p.text()
		return n
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if !bytes.HasPrefix(p.s[p.at:], []byte(word)) {
			continue
		}
		n := p.node(Null)
		if word != "null" {
			n.Kind, n.Text = Bool, word
		}
		p.at += len(word)
		return n
	}
	p.fail("texts stand in double quotes", "not JSON: a value is expected here")
	return nil
}

func (p *parser) object(depth int) *Node {
	n := p.node(Map)
	p.at++
	for p.going() {
		c := p.next()
		if c == '}' && len(n.Items) == 0 {
			break
		}
		k := p.key(c)
		if !p.going() {
			return nil
		}
		n.Items = append(n.Items, k, p.field(k, depth+1))
		if !p.going() {
			return nil
		}
		if c = p.next(); c == '}' {
			break
		}
		if c != ',' {
			p.fail("", "not JSON: a comma or } is expected here")
			return nil
		}
		p.at++
	}
	p.at++
	if p.bad == nil {
		p.bad = doubled(n)
	}
	return n
}

// key reads a key, which begins with c, and its colon.
func (p *parser) key(c byte) *Node {
	if c != '"' {
		hint := "keys stand in double quotes"
		if c == '}' {
			hint = "no comma stands before }"
		}
		p.fail(hint, "not JSON: a key is expected here")
		return nil
	}
	k := p.node(Text)
	k.Text = p.text()
	if p.bad == nil && p.next() != ':' {
		p.fail("", "not JSON: a colon is expected behind key %s", policy.Quote(k.Text))
	}
	if p.bad == nil {
		p.at++
	}
	return k
}

// field reads the value of a key: a list whose items are parts is empty then.
func (p *parser) field(k *Node, depth int) *Node {
	if depth != 1 || p.next() != '[' || !p.lists(k.Text) {
		return p.value(depth)
	}
	n := p.node(List)
	before := p.nodes
	p.stream(k.Text, depth)
	p.nodes = before
	return n
}

// stream visits the items of a list.
func (p *parser) stream(key string, depth int) {
	p.items(func() {
		p.nodes, p.slab, p.chunk = 0, nil, 0
		if n := p.value(depth + 1); p.going() {
			p.visit(key, n)
		}
	})
}

func (p *parser) list(depth int) *Node {
	n := p.node(List)
	p.items(func() { n.Items = append(n.Items, p.value(depth+1)) })
	return n
}

// items reads a list; item reads one of its items.
func (p *parser) items(item func()) {
	p.at++
	for first := true; p.going(); first = false {
		if p.next() == ']' {
			if !first {
				p.fail("no comma stands before ]", "not JSON: a value is expected here")
			}
			break
		}
		item()
		if !p.going() {
			return
		}
		c := p.next()
		if c == ']' {
			break
		}
		if c != ',' {
			p.fail("", "not JSON: a comma or ] is expected here")
			return
		}
		p.at++
	}
	p.at++
}

// valid is how many bytes stand before the first that is not UTF-8.
func valid(s []byte) (n int) {
	for n < len(s) {
		c, size := utf8.DecodeRune(s[n:])
		if c == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

const (
	// known is how many texts are kept to be used again.
	known = 500
	// longest is how long such a text is at most, in bytes.
	longest = 40
)

// same returns one text for all that are equal, as long as they are few and short.
func (p *parser) same(s []byte) string {
	if len(s) > longest {
		return string(s)
	}
	if t, there := p.texts[string(s)]; there {
		return t
	}
	t := string(s)
	if len(p.texts) < known {
		p.texts[t] = t
	}
	return t
}

// text reads a text in quotes.
func (p *parser) text() string {
	begin := p.at + 1
	escaped := false
	for i := begin; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			p.at = i
			p.fail("write \\n for a line end, \\t for a tab", "a text has a character that JSON escapes")
			return ""
		case c == '"':
			s := p.s[begin:i]
			if !utf8.Valid(s) {
				p.at = begin + valid(s)
				p.fail("save the file as UTF-8", "this is not UTF-8")
				return ""
			}
			if escaped {
				var out string
				if json.Unmarshal(p.s[begin-1:i+1], &out) != nil {
					p.fail("", "a text has an escape that JSON does not know")
					return ""
				}
				p.at = i + 1
				return out
			}
			p.at = i + 1
			return p.same(s)
		}
	}
	p.fail("is the file whole?", "a text is not closed by double quotes")
	return ""
}

func (p *parser) number() *Node {
	n := p.node(Number)
	begin := p.at
	for p.at < len(p.s) && isNumeric(p.s[p.at]) {
		p.at++
	}
	n.Text = p.same(p.s[begin:p.at])
	if !json.Valid(p.s[begin:p.at]) {
		p.at = begin
		p.fail("", "not JSON: %s is no number", policy.Quote(n.Text))
	}
	return n
}

func isNumeric(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}
