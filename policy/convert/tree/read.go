package tree

import (
	"bytes"
	"fmt"
	"strings"

	"sgfw/policy"
)

// MaxDocuments bounds the documents that a Reader takes.
const MaxDocuments = 20_000

// style is what a text may have.
type style struct {
	depth     int // of nesting
	nodes     int // keys and values of one part, as often as aliases and merge keys repeat them
	documents int
	written   bool // by people, with aliases, merge keys and tags
}

var (
	written = style{depth: 200, nodes: 1_000_000, documents: 1, written: true}
	printed = style{depth: 64, nodes: 400_000, documents: MaxDocuments}
)

// Parse reads one document as people write them; file is what positions call it. The tree is
// nil when the text is neither JSON nor YAML. No key stands twice in a map.
func Parse(file string, data []byte) (*Node, policy.Problems) {
	var root *Node
	r := Reader{File: file, style: written, Visit: func(p Part) bool {
		root = p.Node
		return true
	}}
	bad := r.read(data)
	if bad == nil && root == nil { // or has null alone
		bad = problem(1, 1, "", "the file is empty")
	}
	if bad != nil {
		bad.Pos.File = file
		return nil, policy.Problems{*bad}
	}
	return root, nil
}

// Part is a piece of a text: an item of a list that stands at the top of a document, or in a
// document's object under a key; or, with the Key "", the document's object after all of its
// items, in which such lists are empty. A document that is a single value is one part; one that
// is null is none.
type Part struct {
	Key  string
	Node *Node
}

// Reader reads a text as programs print it, part by part. Make one with what it is to do.
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

	style
	nodes, all, documents int
	stopped               bool
}

// Read reads a text, JSON if it begins like that, else YAML. It returns what is wrong with
// the text as a whole; parts before that were visited.
func (r *Reader) Read(data []byte) *policy.Problem {
	r.style = printed
	bad := r.read(data)
	if bad != nil {
		bad.Pos.File = r.File
		bad.Code = policy.InvalidParameterValue
	}
	return bad
}

func (r *Reader) read(data []byte) *policy.Problem {
	if looksLikeJSON(data) {
		return r.json(data)
	}
	return r.yaml(data)
}

// looksLikeJSON reports whether a text begins as an object or a list of JSON does, and a
// document of YAML does not, whose texts need no quotes.
func looksLikeJSON(data []byte) bool {
	const spaces = " \t\r\n"
	data = bytes.TrimLeft(data, spaces)
	if len(data) == 0 || data[0] != '{' && data[0] != '[' {
		return false
	}
	rest := bytes.TrimLeft(data[1:], spaces)
	if len(rest) == 0 {
		return true
	}
	if data[0] == '{' {
		return rest[0] == '"' || rest[0] == '}'
	}
	return strings.IndexByte(`"{[]-0123456789`, rest[0]) >= 0
}

// problem is what is wrong in a text, whose file is not known here.
func problem(line, col int32, hint, format string, a ...any) *policy.Problem {
	return &policy.Problem{Pos: policy.Pos{Line: int(line), Col: int(col)}, Hint: hint,
		Message: fmt.Sprintf(format, a...)}
}

// visit hands on a part, unless that was to stop.
func (r *Reader) visit(key string, n *Node) {
	r.stopped = r.stopped || !r.Visit(Part{Key: key, Node: n})
}

// lists reports whether the items of a list are parts: under a key, or at the top for "".
func (r *Reader) lists(key string) bool {
	return !r.written && (key == "" || r.Listed(key))
}

// begin accounts for one more document; second says what it is where one is all.
func (r *Reader) begin(line, col int32, second string) *policy.Problem {
	r.nodes = 0
	if r.documents++; r.documents <= r.style.documents {
		return nil
	}
	if r.written {
		return problem(line, col, "one document a file", "%s", second)
	}
	return problem(line, col, "", "more than %d documents in one text", MaxDocuments)
}

// count accounts for some more keys and values.
func (r *Reader) count(n int, line, col int32) *policy.Problem {
	r.nodes += n
	r.all += n
	switch {
	case r.nodes > r.style.nodes:
		return r.tooMany(line, col)
	case r.Values > 0 && r.all > r.Values:
		return problem(line, col, "", "more than %d values in one text", r.Values)
	}
	return nil
}

func (r *Reader) tooMany(line, col int32) *policy.Problem {
	return problem(line, col, "", "more than %d keys and values", r.style.nodes)
}

func (r *Reader) tooDeep(line, col int32) *policy.Problem {
	return problem(line, col, "", "nested deeper than %d levels", r.depth)
}
