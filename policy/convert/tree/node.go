package tree

import (
	"iter"
	"math"
	"strconv"

	"sgfw/policy"
)

// Kind says what a Node is.
type Kind uint8

const (
	// Null is a value left out, or written null or ~.
	Null Kind = iota
	// Text is a text in quotes, and in YAML any that is no other kind.
	Text
	Number
	Bool
	List
	Map
)

// String is what messages call a value of the kind.
func (k Kind) String() string {
	return [...]string{"nothing", "a text", "a number", "true or false", "a list", "an object"}[k]
}

// Node is a value of a text, or a key. The zero Node is null, nowhere. Nodes are shared where
// YAML has aliases; nobody changes them.
type Node struct {
	Kind Kind
	// Line and Col count from 1, Col in characters. They are those of the alias, for a
	// value that is written elsewhere.
	Line, Col int32
	// Tag is a tag of YAML that is not one of its own, with its exclamation mark: "!Ref".
	Tag string
	// Text is that of a Text; a Number or a Bool as it is written.
	Text string
	// Items are those of a List; of a Map, keys and values by turns, each key once.
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

// Get returns the value of a key, nil when there is none or it is null.
func (n *Node) Get(key string) *Node {
	if v := n.Field(key); v != nil && v.Kind != Null {
		return v
	}
	return nil
}

// List returns the items of a List, nil for other kinds.
func (n *Node) List() []*Node {
	if n == nil || n.Kind != List {
		return nil
	}
	return n.Items
}

// Only returns the key and the value of a Map that has one, nil for everything else.
func (n *Node) Only() (key, value *Node) {
	if n == nil || n.Kind != Map || len(n.Items) != 2 {
		return nil, nil
	}
	return n.Items[0], n.Items[1]
}

// IsScalar reports whether the node is a text, a number or a truth value.
func (n *Node) IsScalar() bool { return n.Kind == Text || n.Kind == Number || n.Kind == Bool }

// Int is the value as a whole number, also of a text that is one.
func (n *Node) Int() (int, bool) {
	if n.Kind != Number && n.Kind != Text {
		return 0, false
	}
	i, err := strconv.Atoi(n.Text)
	return i, err == nil && i >= math.MinInt32 && i <= math.MaxInt32 && strconv.Itoa(i) == n.Text
}

// doubled reports a key that stands twice. Maps are small, or looked up.
func doubled(n *Node) *policy.Problem {
	twice := func(k *Node, first int32) *policy.Problem {
		return problem(k.Line, k.Col, "remove one", "key %s is there already, see line %d",
			policy.Quote(k.Text), first)
	}
	if len(n.Items) <= 16 {
		for i := 2; i < len(n.Items); i += 2 {
			for j := 0; j < i; j += 2 {
				if n.Items[i].Text == n.Items[j].Text {
					return twice(n.Items[i], n.Items[j].Line)
				}
			}
		}
		return nil
	}
	seen := make(map[string]int32, len(n.Items)/2)
	for k := range n.Fields() {
		if first, there := seen[k.Text]; there {
			return twice(k, first)
		}
		seen[k.Text] = k.Line
	}
	return nil
}
