package mend

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// text is a file with where its parts are.
type text struct {
	// lines are those of the file with their ends, and starts where they begin, in bytes.
	lines  []string
	starts []int
	all    string
	// nodes are the values of mappings and lists, by line and column.
	nodes map[[2]int][]*node
}

// node is a value with what it is in.
type node struct {
	*yaml.Node
	// in is the mapping or list, and at the place of the value among its Content.
	in *node
	at int
}

func parse(data []byte) (*text, error) {
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&doc); err != nil {
		return nil, err
	}
	t := &text{all: string(data), nodes: map[[2]int][]*node{}}
	at := 0
	for line := range strings.Lines(t.all) {
		t.lines, t.starts = append(t.lines, line), append(t.starts, at)
		at += len(line)
	}
	t.starts = append(t.starts, at)
	if len(doc.Content) > 0 {
		t.walk(&node{Node: doc.Content[0]})
	}
	return t, nil
}

func (t *text) walk(n *node) {
	at := [2]int{n.Line, n.Column}
	t.nodes[at] = append(t.nodes[at], n)
	switch n.Kind {
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			t.walk(&node{n.Content[i], n, i})
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			t.walk(&node{c, n, i})
		}
	}
}

// find returns the value at a position which is an item of a list, or the value of a key.
func (t *text) find(pos policy.Pos, in yaml.Kind) *node {
	for _, n := range t.nodes[[2]int{pos.Line, pos.Col}] {
		if n.in != nil && n.in.Kind == in {
			return n
		}
	}
	return nil
}

// value returns the value of a key of a mapping, nil if it has none.
func (n *node) value(key string) *node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return &node{n.Content[i+1], n, i + 1}
		}
	}
	return nil
}

// flow reports whether a mapping or list is written with brackets.
func (n *node) flow() bool { return n.Style&yaml.FlowStyle != 0 }

// start is where a part begins, in bytes. yaml counts columns in characters.
func (t *text) start(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(t.lines) {
		return -1
	}
	at, line := 0, t.lines[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(line[at:])
		at += size
	}
	return t.starts[n.Line-1] + at
}

// end is where a scalar, or what has brackets, ends; -1 for what has more forms than that.
func (t *text) end(n *yaml.Node) int {
	from := t.start(n)
	if n.Anchor != "" || n.Kind == yaml.AliasNode || n.Style&yaml.TaggedStyle != 0 || from < 0 {
		return -1
	}
	rest := t.all[from:]
	switch {
	case n.Kind == yaml.ScalarNode && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		if to := quotedEnd(rest); to > 0 {
			return from + to
		}
	case n.Kind == yaml.ScalarNode:
		if n.Style == 0 && n.Value != "" && strings.HasPrefix(rest, n.Value) {
			return from + len(n.Value)
		}
	case n.Style&yaml.FlowStyle != 0:
		if to := bracketEnd(rest); to > 0 {
			return from + to
		}
	}
	return -1
}

// quotedEnd is behind the quote that closes a text which begins with one.
func quotedEnd(s string) int {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case quote == '"' && s[i] == '\\':
			i++
		case s[i] == quote && quote == '\'' && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return -1
}

// bracketEnd is behind the bracket that closes a text which begins with one.
func bracketEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		before := byte(' ')
		if i > 0 {
			before = s[i-1]
		}
		switch c := s[i]; {
		case c == '[', c == '{':
			depth++
		case c == ']', c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		case (c == '"' || c == '\'') && strings.IndexByte(" \t\n[{,:", before) >= 0:
			to := quotedEnd(s[i:])
			if to < 0 {
				return -1
			}
			i += to - 1
		case c == '#' && (before == ' ' || before == '\t' || before == '\n'):
			to := strings.IndexByte(s[i:], '\n')
			if to < 0 {
				return -1
			}
			i += to
		}
	}
	return -1
}
