package tree

import (
	"iter"

	"sgfw/policy"
)

// Kind says what a Node is.
type Kind uint8

const (
	// Null is a value left out, or written null or ~.
	Null Kind = iota
	// Text is a text in quotes, and in YAML any that is not Plain.
	Text
	// Plain is a number or a truth value, as it is written.
	Plain
	List
	Map
)

// Node is a value of a text, or a key. Nodes are shared where YAML has aliases; nobody
// changes them.
type Node struct {
	Kind Kind
	// Line and Col count from 1, Col in characters. They are those of the alias, for a
	// value that is written elsewhere.
	Line, Col int32
	// Tag is a tag of YAML that is not one of its own, with its exclamation mark: "!Ref".
	Tag string
	// Text is that of a Text or Plain.
	Text string
	// Items are those of a List; of a Map, keys and values by turns.
	Items []*Node
}

// Pos is where the node stands, in a file of that name.
func (n *Node) Pos(file string) policy.Pos {
	return policy.Pos{File: file, Line: int(n.Line), Col: int(n.Col)}
}

// Fields yields the keys of a Map with their values, in their order; nothing for other kinds.
func (n *Node) Fields() iter.Seq2[*Node, *Node] {
	return func(yield func(*Node, *Node) bool) {
		if n == nil || n.Kind != Map {
			return
		}
		for i := 0; i+1 < len(n.Items); i += 2 {
			if !yield(n.Items[i], n.Items[i+1]) {
				return
			}
		}
	}
}

// Field returns the value of a key, nil if there is none.
func (n *Node) Field(key string) *Node {
	for k, v := range n.Fields() {
		if k.Text == key {
			return v
		}
	}
	return nil
}

// IsScalar reports whether the node is a text, a number or a truth value.
func (n *Node) IsScalar() bool { return n.Kind == Text || n.Kind == Plain }
