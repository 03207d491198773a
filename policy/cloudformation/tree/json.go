package tree

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"sgfw/policy"
)

// parser reads JSON (RFC 8259).
type parser struct {
	s          string
	at         int // in s
	line       int32
	begin      int // of the line, in s
	seen, wide int // bytes of the line that are counted, and those that begin no character
	nodes      int
	slab       []Node
	bad        *policy.Problem
}

func parseJSON(data []byte) (*Node, *policy.Problem) {
	p := &parser{s: string(data), line: 1}
	root := p.value(0)
	if p.bad == nil {
		p.space()
		if p.at < len(p.s) {
			p.fail("one document a file", "something follows the end of the document")
		}
	}
	if p.bad != nil {
		return nil, p.bad
	}
	return root, nil
}

// col is the column of where the parser is.
func (p *parser) col() int32 {
	for p.seen < p.at-p.begin {
		if !utf8.RuneStart(p.s[p.begin+p.seen]) {
			p.wide++
		}
		p.seen++
	}
	return int32(p.at - p.begin - p.wide + 1)
}

func (p *parser) newline() {
	p.line++
	p.begin, p.seen, p.wide = p.at+1, 0, 0
}

func (p *parser) fail(hint, format string, a ...any) {
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
	if p.at == len(p.s) {
		return 0
	}
	return p.s[p.at]
}

func (p *parser) node(kind Kind) *Node {
	if p.nodes++; p.nodes > MaxNodes && p.bad == nil {
		p.bad = tooMany(p.line, p.col())
	}
	if len(p.slab) == 0 {
		p.slab = make([]Node, 512)
	}
	n := &p.slab[0]
	p.slab = p.slab[1:]
	n.Kind, n.Line, n.Col = kind, p.line, p.col()
	return n
}

func (p *parser) value(depth int) *Node {
	switch c := p.next(); {
	case depth > MaxDepth:
		if p.bad == nil {
			p.bad = tooDeep(p.line, p.col())
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
	case c == 0 && p.at == len(p.s):
		p.fail("", "the document ends in the middle")
		return nil
	}
	for _, word := range []string{"true", "false", "null"} {
		if !strings.HasPrefix(p.s[p.at:], word) {
			continue
		}
		n := p.node(Null)
		if word != "null" {
			n.Kind, n.Text = Plain, word
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
	for p.bad == nil {
		c := p.next()
		if c == '}' && len(n.Items) == 0 {
			break
		}
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
			p.fail("", "not JSON: a colon is expected behind key %s", short(k.Text))
		}
		p.at++
		if p.bad != nil {
			return nil
		}
		n.Items = append(n.Items, k, p.value(depth+1))
		if p.bad != nil {
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

func (p *parser) list(depth int) *Node {
	n := p.node(List)
	p.at++
	for p.bad == nil {
		if p.next() == ']' {
			if len(n.Items) > 0 {
				p.fail("no comma stands before ]", "not JSON: a value is expected here")
			}
			break
		}
		n.Items = append(n.Items, p.value(depth+1))
		if p.bad != nil {
			return nil
		}
		c := p.next()
		if c == ']' {
			break
		}
		if c != ',' {
			p.fail("", "not JSON: a comma or ] is expected here")
			return nil
		}
		p.at++
	}
	p.at++
	return n
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
			if !utf8.ValidString(s) {
				p.fail("save the file as UTF-8", "this is not UTF-8")
				return ""
			}
			if escaped {
				var out string
				if json.Unmarshal([]byte(p.s[begin-1:i+1]), &out) != nil {
					p.fail("", "a text has an escape that JSON does not know")
					return ""
				}
				s = out
			}
			p.at = i + 1
			return s
		}
	}
	p.fail("", "a text is not closed by double quotes")
	return ""
}

func (p *parser) number() *Node {
	n := p.node(Plain)
	begin := p.at
	for p.at < len(p.s) && isNumeric(p.s[p.at]) {
		p.at++
	}
	n.Text = p.s[begin:p.at]
	if !json.Valid([]byte(n.Text)) {
		p.at = begin
		p.fail("", "not JSON: %s is no number", short(n.Text))
	}
	return n
}

func isNumeric(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}
