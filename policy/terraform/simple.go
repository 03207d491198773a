package terraform

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"sgfw/policy"
)

// simple reads a block of what most blocks have and nothing else: numbers, texts, names such
// as aws_security_group.web.id, and lists of those, each argument on a line of its own. It
// makes what the library would make, and gives up at the first byte that is something else:
// then the library reads the block, and reports what is wrong with it.
//
// The library takes most of the time of a large configuration, and 20 times the memory of the
// text: it turns all of it into tokens of 96 bytes, and divides texts into what people see as
// characters. TestSimple and FuzzSimple hold the two against each other.
type simple struct {
	*chunk
	at int
	// line, and the offset at which it begins: it may begin before the statement.
	line, begin int
}

// simpleBlock is a statement as a block, nil if it is not simple.
func simpleBlock(c *chunk) *block {
	if c.attribute {
		return nil
	}
	for _, b := range []byte(c.data[c.begin:c.end]) {
		// Beyond ASCII the library counts columns otherwise, and \r may be half a line end.
		if b >= 0x7F || b < ' ' && b != '\n' && b != '\t' {
			return nil
		}
	}
	start := c.start(c.begin)
	s := simple{chunk: c, at: c.begin, line: start.Line, begin: c.begin - (start.Column - 1)}
	out := s.block(s.name(), c.begin, 0)
	if s.at != c.end {
		return nil
	}
	return out
}

// hcl is an offset of the line that is read, as the library has it.
func (s *simple) hcl(offset int) hcl.Pos {
	return hcl.Pos{Line: s.line, Column: offset - s.begin + 1, Byte: offset}
}

func (s *simple) span(begin, end int) hcl.Range {
	return hcl.Range{Filename: s.text.name, Start: s.hcl(begin), End: s.hcl(end)}
}

func (s *simple) pos(offset int) policy.Pos {
	return policy.Pos{File: s.text.name, Line: s.line, Col: offset - s.begin + 1}
}

// peek is the next byte of the statement, 0 at its end.
func (s *simple) peek() byte {
	if s.at < s.end {
		return s.data[s.at]
	}
	return 0
}

// space skips spaces of a line.
func (s *simple) space() {
	for s.peek() == ' ' || s.peek() == '\t' {
		s.at++
	}
}

// lines skips the rest of a line without anything but a comment, and empty lines. It is
// false if there is something else.
func (s *simple) lines() bool {
	for ended := false; ; {
		s.space()
		if c := s.peek(); c == '#' || c == '/' && s.at+1 < s.end && s.data[s.at+1] == '/' {
			for s.at < s.end && s.data[s.at] != '\n' {
				s.at++
			}
		}
		if s.peek() != '\n' {
			return ended
		}
		s.at++
		s.line, s.begin, ended = s.line+1, s.at, true
	}
}

// name reads a name, "" if there is none.
func (s *simple) name() string {
	begin := s.at
	if c := s.peek(); !(letter(c) && c != '-' && (c < '0' || c > '9')) {
		return ""
	}
	for letter(s.peek()) {
		s.at++
	}
	return s.data[begin:s.at]
}

// quoted reads a text in quotes that stands for itself.
func (s *simple) quoted() (string, bool) {
	if s.peek() != '"' {
		return "", false
	}
	n := strings.IndexAny(s.data[s.at+1:s.end], "\"\\$%\n")
	if n < 0 || s.data[s.at+1+n] != '"' {
		return "", false
	}
	text := s.data[s.at+1 : s.at+1+n]
	s.at += n + 2
	return text, true
}

// block reads the rest of a block behind its kind, nil if it is not simple.
func (s *simple) block(kind string, begin, depth int) *block {
	if kind == "" || depth > 2 {
		return nil
	}
	out := &block{kind: kind, body: &body{attrs: make(map[string]*attr, 8), pos: s.pos(begin)}}
	for s.space(); s.peek() != '{'; s.space() {
		label, ok := s.quoted()
		if !ok {
			if label = s.name(); label == "" {
				return nil
			}
		}
		out.labels = append(out.labels, label)
	}
	s.at++
	if !s.lines() {
		return nil
	}
	for s.peek() != '}' {
		at, pos := s.at, s.pos(s.at)
		name := s.name()
		s.space()
		switch {
		case name == "":
			return nil
		case s.peek() == '=':
			s.at++
			s.space()
			x := s.value(true)
			if _, twice := out.attrs[name]; x == nil || twice {
				return nil
			}
			out.attrs[name] = &attr{Expression: x, pos: pos}
		default:
			inner := s.block(name, at, depth+1)
			if inner == nil {
				return nil
			}
			out.blocks = append(out.blocks, inner)
		}
		if !s.lines() {
			return nil
		}
	}
	s.at++
	return out
}

// value reads an expression, and whether one may be a list. It is nil if it is not simple.
func (s *simple) value(lists bool) hclsyntax.Expression {
	begin := s.at
	switch c := s.peek(); {
	case c == '"':
		text, ok := s.quoted()
		if !ok || text == "" {
			return nil
		}
		return &hclsyntax.TemplateExpr{SrcRange: s.span(begin, s.at), Parts: []hclsyntax.Expression{
			&hclsyntax.LiteralValueExpr{Val: cty.StringVal(text), SrcRange: s.span(begin+1, s.at-1)}}}
	case c >= '0' && c <= '9':
		for s.peek() >= '0' && s.peek() <= '9' {
			s.at++
		}
		n, err := cty.ParseNumberVal(s.data[begin:s.at])
		if err != nil || letter(s.peek()) || s.peek() == '.' {
			return nil
		}
		return &hclsyntax.LiteralValueExpr{Val: n, SrcRange: s.span(begin, s.at)}
	case c == '[' && lists:
		return s.list()
	}
	name := s.name()
	switch name {
	case "", "for":
		return nil
	case "true":
		return &hclsyntax.LiteralValueExpr{Val: cty.True, SrcRange: s.span(begin, s.at)}
	case "false":
		return &hclsyntax.LiteralValueExpr{Val: cty.False, SrcRange: s.span(begin, s.at)}
	case "null":
		return &hclsyntax.LiteralValueExpr{Val: cty.NullVal(cty.DynamicPseudoType),
			SrcRange: s.span(begin, s.at)}
	}
	steps := hcl.Traversal{hcl.TraverseRoot{Name: name, SrcRange: s.span(begin, s.at)}}
	for s.peek() == '.' {
		dot := s.at
		s.at++
		if name = s.name(); name == "" {
			return nil
		}
		steps = append(steps, hcl.TraverseAttr{Name: name, SrcRange: s.span(dot, s.at)})
	}
	return &hclsyntax.ScopeTraversalExpr{Traversal: steps, SrcRange: s.span(begin, s.at)}
}

// list reads a list of simple values.
func (s *simple) list() hclsyntax.Expression {
	out := &hclsyntax.TupleConsExpr{SrcRange: s.span(s.at, s.at), OpenRange: s.span(s.at, s.at+1)}
	s.at++
	for s.lines(); s.peek() != ']'; s.lines() {
		x := s.value(false)
		if x == nil {
			return nil
		}
		out.Exprs = append(out.Exprs, x)
		s.lines()
		switch s.peek() {
		case ',':
			s.at++
		case ']':
		default:
			return nil
		}
	}
	s.at++
	out.SrcRange.End = s.hcl(s.at)
	return out
}
