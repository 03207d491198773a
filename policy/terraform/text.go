package terraform

import (
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"

	"sgfw/policy"
)

// text is a source in which offsets have positions. Use it by one goroutine.
type text struct {
	name string
	data string
	// marks are positions at every [markEvery] bytes: a state is one long line.
	marks []policy.Pos
}

const markEvery = 512

// pos is the position of an offset.
func (t *text) pos(offset int) policy.Pos {
	offset = min(max(offset, 0), len(t.data))
	if t.marks == nil {
		p := policy.Pos{File: t.name, Line: 1, Col: 1}
		for i := 0; i <= len(t.data); i += markEvery {
			t.marks = append(t.marks, p)
			p = advance(p, t.data[i:min(i+markEvery, len(t.data))])
		}
	}
	i := offset / markEvery
	return advance(t.marks[i], t.data[i*markEvery:offset])
}

// advance is a position behind a text.
func advance(p policy.Pos, s string) policy.Pos {
	for i := range len(s) {
		switch {
		case s[i] == '\n':
			p.Line++
			p.Col = 1
		case utf8.RuneStart(s[i]):
			p.Col++
		}
	}
	return p
}

// start is the position as the HCL library counts.
func (t *text) start(offset int) hcl.Pos {
	p := t.pos(offset)
	return hcl.Pos{Line: p.Line, Column: p.Col, Byte: offset}
}

// at is where a range of the HCL library begins. Its lines and columns are not ours: it
// counts what people see as one character, and in a text of JSON it counts decoded ones.
func (e *evaluator) at(r hcl.Range) policy.Pos {
	if t := e.texts[r.Filename]; t != nil {
		return t.pos(r.Start.Byte)
	}
	return policy.Pos{File: r.Filename}
}
