package terraform

import (
	"strings"

	"sgfw/policy"
)

// chunk is a statement at the top of a file: a block, or an attribute of a .tfvars. The
// library parses it when it is needed.
type chunk struct {
	*text
	kind       string // "resource", or the name of an attribute
	labels     []string
	begin, end int // in bytes
	attribute  bool
	tokens     int // about as many as the library will make
}

// Bounds of a file of HCL. The library parses and evaluates by recursion, and an expression
// becomes as deep as it has operators.
const (
	maxDepth     = 80
	maxOperators = 400
	maxDigits    = 400
	maxTokens    = 150_000   // of one statement
	maxAllTokens = 3_500_000 // of all statements that are needed
	perStatement = 25        // tokens that a statement costs beside its own
	maxStatement = 1 << 20   // bytes
)

// frame is an open bracket, quote or heredoc.
type frame struct {
	open   byte // one of { [ ( " < and $, which is a sequence in a template
	offset int
	marker string // of a heredoc
	// operators are those since the last comma or end of a line.
	operators int
	name      string // of a block
}

// scanner divides a file of HCL into statements and holds it to the bounds, byte by byte.
type scanner struct {
	*text
	at       int
	stack    []frame
	tokens   int
	last     byte // the last byte that was no space
	lineName string
	block    bool // the statement ends with its bracket
	report   func(pos policy.Pos, hint, format string, a ...any)
	failed   bool
}

// chunks are the statements of a file. What is wrong with brackets and bounds is reported,
// and then there are none.
func chunks(t *text, report func(policy.Pos, string, string, ...any)) []chunk {
	s := scanner{text: t, report: report}
	var out []chunk
	for !s.failed {
		if s.blank(); s.at >= len(s.data) {
			break
		}
		c := s.statement()
		if c.kind != "" {
			out = append(out, c)
		}
	}
	if s.failed {
		return nil
	}
	return out
}

func (s *scanner) fail(offset int, hint, format string, a ...any) {
	s.failed = true
	s.report(s.pos(offset), hint, format, a...)
}

// blank skips space and comments.
func (s *scanner) blank() {
	for s.at < len(s.data) {
		switch c := s.data[s.at]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			s.at++
		case !s.comment():
			return
		}
	}
}

// comment skips a comment, and reports whether there was one.
func (s *scanner) comment() bool {
	rest := s.data[s.at:]
	switch {
	case strings.HasPrefix(rest, "#"), strings.HasPrefix(rest, "//"):
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			s.at += n
		} else {
			s.at = len(s.data)
		}
	case strings.HasPrefix(rest, "/*"):
		n := strings.Index(rest, "*/")
		if n < 0 {
			s.fail(s.at, "*/", "a comment has no end")
			s.at = len(s.data)
			return true
		}
		s.at += n + 2
	default:
		return false
	}
	return true
}

func letter(c byte) bool {
	return c == '_' || c == '-' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
		c >= '0' && c <= '9' || c >= 0x80
}

func (s *scanner) word() string {
	begin := s.at
	for s.at < len(s.data) && letter(s.data[s.at]) {
		s.at++
	}
	return s.data[begin:s.at]
}

// statement reads one statement.
func (s *scanner) statement() chunk {
	c := chunk{text: s.text, begin: s.at}
	s.tokens = 0
	if s.data[s.at] != '-' {
		c.kind = s.word()
	}
	if c.kind == "" {
		s.fail(s.at, "a configuration has blocks, such as resource \"aws_security_group\" \"web\" { }",
			"here should be the name of a block or an argument")
		return chunk{}
	}
	for s.at < len(s.data) && !s.failed {
		switch ch := s.data[s.at]; {
		case ch == ' ' || ch == '\t' || ch == '\r':
			s.at++
		case ch == '=':
			c.attribute, s.block = true, false
			s.at++
			s.run()
			c.end, c.tokens = s.at, s.tokens
			return c
		case ch == '{':
			s.lineName = strings.Join(append([]string{c.kind}, c.labels...), " ")
			s.block = true
			s.run()
			c.end, c.tokens = s.at, s.tokens
			return c
		case ch == '"':
			end := strings.IndexAny(s.data[s.at+1:], "\"\n")
			if end < 0 || s.data[s.at+1+end] != '"' {
				s.fail(s.at, "", "a label has no closing quote")
				return chunk{}
			}
			c.labels = append(c.labels, s.data[s.at+1:s.at+1+end])
			s.at += end + 2
		case letter(ch):
			c.labels = append(c.labels, s.word())
		default:
			s.fail(s.at, "", "block %s is followed by neither a label nor {", c.kind)
			return chunk{}
		}
	}
	if !s.failed {
		s.fail(c.begin, "", "block %s has no body", c.kind)
	}
	return chunk{}
}

// run reads to the end of a statement: the bracket that closes the first one, or the end of
// a line outside of all brackets.
func (s *scanner) run() {
	base := frame{}
	s.stack = s.stack[:0]
	s.last = 0
	for s.at < len(s.data) && !s.failed {
		top := &base
		if len(s.stack) > 0 {
			top = &s.stack[len(s.stack)-1]
		}
		switch top.open {
		case '"':
			s.quoted()
		case '<':
			s.heredoc(top)
		default:
			if s.code(top) {
				return
			}
		}
	}
	if s.failed {
		return
	}
	for _, f := range s.stack {
		switch f.open {
		case '"':
			s.fail(f.offset, "add the \"", "a text has no closing quote")
		case '<':
			s.fail(f.offset, "a line with "+f.marker+" alone ends it", "heredoc %s has no end", f.marker)
		case '{':
			s.fail(f.offset, "add the }", "unclosed block: %s has no closing brace",
				orElse(f.name, "this"))
		default:
			s.fail(f.offset, "", "unclosed %c", f.open)
		}
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (s *scanner) push(f frame) {
	if len(s.stack) >= maxDepth {
		s.fail(s.at, "", "brackets and quotes are nested more than %d deep", maxDepth)
		return
	}
	s.stack = append(s.stack, f)
}

var closers = map[byte]byte{'}': '{', ']': '[', ')': '('}

// code reads a token outside of texts. It reports whether the statement is over.
func (s *scanner) code(top *frame) (over bool) {
	c := s.data[s.at]
	switch {
	case c == ' ' || c == '\t' || c == '\r':
		s.at++
		return false
	case c == '\n':
		if len(s.stack) == 0 {
			s.at++
			return true
		}
		s.at++
		s.lineName = ""
		if !operator(s.last) && !s.continued() {
			top.operators = 0
		}
		return false
	case s.comment():
		return false
	}
	s.tokens++
	s.last = c
	switch {
	case letter(c) && c != '-':
		begin := s.at
		word := s.word()
		if c >= '0' && c <= '9' && (len(word) > maxDigits || hugeExponent(word)) {
			s.fail(begin, "", "the number is too large")
		}
		if s.lineName == "" && top.open == '{' || top.open == 0 {
			s.lineName = word
		}
		return false
	case c == '"':
		s.push(frame{open: '"', offset: s.at})
	case c == '{' || c == '[' || c == '(':
		if c == '[' {
			s.count(top)
		}
		s.push(frame{open: c, offset: s.at, name: s.lineName})
		s.lineName = ""
	case c == '}' || c == ']' || c == ')':
		return s.close(c)
	case c == ',':
		top.operators = 0
	case c == '<' && s.beginHeredoc():
		return false
	case operator(c):
		s.count(top)
	}
	s.at++
	return false
}

// count counts an operator.
func (s *scanner) count(top *frame) {
	if top.operators++; top.operators == maxOperators {
		s.fail(s.at, "", "an expression has more than %d operators", maxOperators)
	}
}

// close ends a bracket. One that was not open is left to the parser.
func (s *scanner) close(c byte) (over bool) {
	s.at++
	for i := len(s.stack) - 1; i >= 0; i-- {
		open := s.stack[i].open
		if open == closers[c] || open == '$' && c == '}' {
			s.stack = s.stack[:i]
			return i == 0 && s.block
		}
	}
	return false
}

func operator(c byte) bool { return c != 0 && strings.IndexByte("+-*/%!&|=<>?:.", c) >= 0 }

// continued reports whether the next line goes on with an operator.
func (s *scanner) continued() bool {
	for i := s.at; i < len(s.data); i++ {
		if c := s.data[i]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return operator(c)
		}
	}
	return false
}

// hugeExponent reports numbers whose decimal form nobody wants to see.
func hugeExponent(number string) bool {
	_, e, ok := strings.Cut(strings.ToLower(number), "e")
	e = strings.TrimLeft(e, "+-0")
	return ok && len(e) > 2
}
