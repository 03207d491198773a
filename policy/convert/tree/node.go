package tree

import (
	"math"
	"strconv"

	"sgfw/policy"
)

// Kind says what a value is.
type Kind uint8

const (
	Null Kind = iota
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

// Node is a value. The zero Node is null, nowhere.
type Node struct {
	Kind Kind
	// Line and Col count from 1, Col in characters.
	Line, Col int32
	// Text is a text, a number as it is written, or "true" or "false".
	Text string
	// Members are those of a list, without keys, or of an object, each key once.
	Members []Member
}

// Member is a value in a list or an object.
type Member struct {
	Key string
	Node
}

// Pos is where the value stands in a file of that name.
func (n *Node) Pos(file string) policy.Pos {
	return policy.Pos{File: file, Line: int(n.Line), Col: int(n.Col)}
}

// Get returns the member of that key, nil when there is none or it is null.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Map {
		return nil
	}
	for i := range n.Members {
		if m := &n.Members[i]; m.Key == key && m.Kind != Null {
			return &m.Node
		}
	}
	return nil
}

// Int is the value as a whole number, also of a text that is one.
func (n *Node) Int() (int, bool) {
	if n.Kind != Number && n.Kind != Text {
		return 0, false
	}
	i, err := strconv.Atoi(n.Text)
	return i, err == nil && i >= math.MinInt32 && i <= math.MaxInt32 && strconv.Itoa(i) == n.Text
}
