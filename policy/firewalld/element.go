package firewalld

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"sgfw/policy"
	"sgfw/policy/convert"
)

// element is one of an XML file.
type element struct {
	name     string
	attrs    map[string]string
	children []*element
	text     string
	pos      policy.Pos
}

// Bounds of what is read.
const (
	maxSource   = 2 << 20
	maxDepth    = 16
	maxElements = 20000
	maxParts    = 120000 // of elements, in all files
)

// child is the first child of a name, nil if there is none.
func (e *element) child(names ...string) *element {
	for _, c := range e.children {
		for _, n := range names {
			if c.name == n {
				return c
			}
		}
	}
	return nil
}

// parse reads the only element of a source, and takes its parts off those that may be left.
func parse(s convert.Source, left *int) (*element, *policy.Problem) {
	fail := func(pos policy.Pos, format string, a ...any) *policy.Problem {
		return &policy.Problem{Pos: pos, Message: fmt.Sprintf(format, a...)}
	}
	file := policy.Pos{File: s.Name}
	if len(s.Data) > maxSource {
		return nil, fail(file, "the file has more than %d MB", maxSource>>20)
	}
	d := xml.NewDecoder(bytes.NewReader(s.Data))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) {
		return nil, errors.New("only UTF-8 is read")
	}
	lines := bytes.Split(s.Data, []byte("\n"))
	at := func() policy.Pos {
		line, col := d.InputPos()
		if line < 1 || line > len(lines) {
			return file
		}
		before := lines[line-1][:max(0, min(col-1, len(lines[line-1])))]
		if len(before) > 1000 {
			return policy.Pos{File: s.Name, Line: line} // all is one line
		}
		return policy.Pos{File: s.Name, Line: line, Col: 1 + utf8.RuneCount(before)}
	}
	var root *element
	var open []*element
	for n := 0; ; n++ {
		pos := at()
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && root != nil:
			return root, nil
		case errors.Is(err, io.EOF):
			return nil, fail(file, "this is no XML")
		case err != nil:
			return nil, fail(at(), "%v", err)
		case n > maxElements:
			return nil, fail(pos, "there are more than %d parts", maxElements)
		case *left == 0:
			return nil, fail(pos, "all files have more than %d parts", maxParts)
		}
		*left--
		switch t := token.(type) {
		case xml.StartElement:
			e := &element{name: t.Name.Local, pos: pos}
			for _, a := range t.Attr {
				if e.attrs == nil {
					e.attrs = make(map[string]string, len(t.Attr))
				}
				e.attrs[a.Name.Local] = a.Value
			}
			switch {
			case len(open) >= maxDepth:
				return nil, fail(pos, "elements are nested too deep")
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.children = append(parent.children, e)
			case root != nil:
				return nil, fail(pos, "there is a second element")
			default:
				root = e
			}
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				e := open[len(open)-1]
				e.text += strings.TrimSpace(string(t))
			}
		case xml.Directive:
			return nil, fail(pos, "directives are not read")
		}
	}
}
