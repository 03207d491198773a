package tree

import (
	"fmt"
	"unicode/utf8"

	"sgfw/policy"
)

const (
	// MaxNodes bounds how many keys and values a text has, each as often as aliases and merge
	// keys repeat it.
	MaxNodes = 1_000_000
	// MaxDepth bounds nesting.
	MaxDepth = 200
)

// Parse reads one document of JSON or YAML; file is what positions call it. The tree is nil
// when the text is neither. Keys are texts, and no key stands twice in a map.
func Parse(file string, data []byte) (*Node, policy.Problems) {
	var root *Node
	var bad *policy.Problem
	if looksLikeJSON(data) {
		root, bad = parseJSON(data)
	} else if bad = clean(data); bad == nil {
		root, bad = parseYAML(data)
	}
	if bad != nil {
		bad.Pos.File = file
		return nil, policy.Problems{*bad}
	}
	return root, nil
}

// looksLikeJSON reports whether a text begins as an object or a list of JSON does, and a
// document of YAML does not.
func looksLikeJSON(data []byte) bool {
	var before byte
	for _, c := range data {
		switch c {
		case ' ', '\t', '\r', '\n':
		case '{':
			if before == '{' {
				return false
			}
			before = c
		case '[':
			if before == '{' {
				return false
			}
			before = c
		default:
			return before == '{' && (c == '"' || c == '}') || before == '[' && (c == '"' || c == ']')
		}
	}
	return false
}

func problem(line, col int32, hint, format string, a ...any) *policy.Problem {
	return &policy.Problem{Pos: policy.Pos{Line: int(line), Col: int(col)}, Hint: hint,
		Message: fmt.Sprintf(format, a...)}
}

func tooMany(line, col int32) *policy.Problem {
	return problem(line, col, "", "more than %d keys and values", MaxNodes)
}

func tooDeep(line, col int32) *policy.Problem {
	return problem(line, col, "", "nested deeper than %d levels", MaxDepth)
}

func twice(k *Node, first int32) *policy.Problem {
	return problem(k.Line, k.Col, "remove one", "key %s is there already, see line %d",
		short(k.Text), first)
}

// doubled reports a key that stands twice. Maps are small, or looked up.
func doubled(n *Node) *policy.Problem {
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

// short is a text from outside for a message.
func short(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
