package tree

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"sgfw/policy"
)

const (
	// MaxDepth bounds nesting.
	MaxDepth = 64
	// MaxNodes bounds the values of one part.
	MaxNodes = 400_000
	// MaxDocuments bounds the documents of a text.
	MaxDocuments = 20_000
)

// Part is a piece of a text: an item of a list that stands at the top of a document, or in a
// document's object under a key; or, with the Key "", the document's object after all of its
// items, in which such lists are empty. A document that is a single value is one part.
type Part struct {
	Key  string
	Node Node
}

// Reader reads a text part by part. Make one with what it is to do.
type Reader struct {
	// File is what positions call the text.
	File string
	// Listed reports whether the items of the list under a key are parts of their own.
	Listed func(key string) bool
	// Visit is given every part, in their order, and reports whether to go on. Documents
	// follow each other.
	Visit func(Part) bool
	// Values bounds the values of all parts together, keys counted too. 0 is no bound.
	Values int

	nodes, all, documents int
	stopped               bool
}

// Read reads a text, JSON if it begins like that, else YAML. It returns what is wrong with
// the text as a whole; parts before that were visited.
func (r *Reader) Read(data []byte) *policy.Problem {
	if at := invalid(data); at >= 0 {
		c := cursor{data: data}
		return r.problem(c.at(at), "save the file as UTF-8", "this is not UTF-8")
	}
	if IsJSON(data) {
		return r.json(data)
	}
	return r.yaml(data)
}

// IsJSON reports whether a text begins as an object or a list of JSON.
func IsJSON(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n")
	return len(data) > 0 && (data[0] == '{' || data[0] == '[')
}

// problem is what is wrong at the place of a node.
func (r *Reader) problem(at Node, hint, format string, a ...any) *policy.Problem {
	return &policy.Problem{Pos: at.Pos(r.File), Code: policy.InvalidParameterValue, Hint: hint,
		Message: fmt.Sprintf(format, a...)}
}

// visit hands on a part, unless that was to stop.
func (r *Reader) visit(key string, n Node) {
	r.stopped = r.stopped || !r.Visit(Part{Key: key, Node: n})
}

// begin accounts for one more document.
func (r *Reader) begin(at Node) *policy.Problem {
	r.nodes = 0
	if r.documents++; r.documents > MaxDocuments {
		return r.problem(at, "", "more than %d documents in one text", MaxDocuments)
	}
	return nil
}

// count accounts for one more value of a part.
func (r *Reader) count(at Node, depth int) *policy.Problem {
	if r.nodes++; r.nodes > MaxNodes {
		return r.problem(at, "", "more than %d values in one part", MaxNodes)
	}
	if r.all++; r.Values > 0 && r.all > r.Values {
		return r.problem(at, "", "more than %d values in one text", r.Values)
	}
	if depth > MaxDepth {
		return r.problem(at, "", "nested deeper than %d levels", MaxDepth)
	}
	return nil
}

// invalid returns where a text is not UTF-8, -1 if it is.
func invalid(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// cursor turns offsets, which only grow, into lines and columns.
type cursor struct {
	data      []byte
	off       int
	line, col int32 // from 0
}

// at is a node without a value at an offset.
func (c *cursor) at(off int) Node {
	seg := c.data[c.off:off]
	if n := bytes.Count(seg, []byte{'\n'}); n > 0 {
		c.line += int32(n)
		c.col = 0
		seg = seg[bytes.LastIndexByte(seg, '\n')+1:]
	}
	c.col += int32(utf8.RuneCount(seg))
	c.off = off
	return Node{Line: c.line + 1, Col: c.col + 1}
}
