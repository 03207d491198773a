package terraform

import (
	"fmt"
	"strings"

	"sgfw/policy"
)

// quoted reads a part of a text in quotes.
func (s *scanner) quoted() {
	c := s.data[s.at]
	switch {
	case c == '\\':
		s.at += 2
		return
	case c == '"', c == '\n': // a line end is the parser's to refuse
		s.stack = s.stack[:len(s.stack)-1]
		s.last = '"'
		if c == '\n' {
			return
		}
	default:
		if s.sequence() {
			return
		}
	}
	s.at++
}

// sequence begins ${ or %{ in a text; doubled it is plain.
func (s *scanner) sequence() bool {
	c := s.data[s.at]
	if c != '$' && c != '%' {
		return false
	}
	rest := s.data[s.at+1:]
	switch {
	case len(rest) > 1 && rest[0] == c && rest[1] == '{':
		s.at += 3
	case len(rest) > 0 && rest[0] == '{':
		s.tokens += 2
		s.push(frame{open: '$', offset: s.at})
		s.at += 2
		s.last = 0
	default:
		return false
	}
	return true
}

// beginHeredoc reads << and the rest of its line.
func (s *scanner) beginHeredoc() bool {
	rest := s.data[s.at:]
	if !strings.HasPrefix(rest, "<<") {
		return false
	}
	line, _, _ := strings.Cut(rest, "\n")
	marker := strings.TrimSpace(strings.TrimPrefix(line[2:], "-"))
	if marker == "" || strings.ContainsFunc(marker,
		func(r rune) bool { return r < 0x80 && !letter(byte(r)) }) {
		return false
	}
	s.push(frame{open: '<', offset: s.at, marker: marker})
	s.at = min(s.at+len(line)+1, len(s.data))
	return true
}

// heredoc reads up to the next sequence or the end of a line.
func (s *scanner) heredoc(top *frame) {
	if s.at > 0 && s.data[s.at-1] == '\n' {
		line, _, _ := strings.Cut(s.data[s.at:], "\n")
		if strings.TrimSpace(line) == top.marker {
			s.stack = s.stack[:len(s.stack)-1]
			s.at += len(line)
			s.last = '"'
			return
		}
		s.tokens++
	}
	for s.at < len(s.data) {
		c := s.data[s.at]
		if s.sequence() {
			return
		}
		s.at++
		if c == '\n' {
			return
		}
	}
}

// checkTemplate holds a template, as JSON has it in its texts, to the same bounds.
func checkTemplate(template string) (bad error) {
	t := text{data: template}
	s := scanner{text: &t, report: func(_ policy.Pos, _, format string, a ...any) {
		if bad == nil {
			bad = fmt.Errorf(format, a...)
		}
	}}
	s.stack = append(s.stack, frame{open: '"'})
	for s.at < len(s.data) && !s.failed && len(s.stack) > 0 {
		if top := &s.stack[len(s.stack)-1]; len(s.stack) == 1 {
			if !s.sequence() {
				s.at++
			}
		} else if top.open == '"' {
			s.quoted()
		} else if top.open == '<' {
			s.heredoc(top)
		} else {
			s.code(top)
		}
	}
	if bad == nil && s.tokens > maxTokens {
		bad = fmt.Errorf("the text is too long")
	}
	return bad
}
