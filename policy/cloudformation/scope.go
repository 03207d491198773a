package cloudformation

import (
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// scope is the identifier of an Fn::ForEach with its value in one turn, within others.
type scope struct {
	name, value string
	outer       *scope
}

// find returns the value of an identifier.
func (s *scope) find(name string) (string, bool) {
	for ; s != nil; s = s.outer {
		if s.name == name {
			return s.value, true
		}
	}
	return "", false
}

// maxLoopText bounds texts within loops, before and after identifiers have their values.
const maxLoopText = 1 << 16

// substituted is a text in which the identifiers of loops have their values: ${X}, and &{X}
// without what is no letter or digit.
func (s *stack) substituted(in *scope, text string, at policy.Pos) string {
	if in == nil || !strings.Contains(text, "{") {
		return text
	}
	for ; in != nil; in = in.outer {
		for _, pair := range [][2]string{{"${" + in.name + "}", in.value},
			{"&{" + in.name + "}", strings.Map(alphanumeric, in.value)}} {
			name, value := pair[0], pair[1]
			n := strings.Count(text, name)
			if n == 0 {
				continue
			}
			if !s.texted(at, 8*len(text)) || len(text)+n*len(value) > maxLoopText {
				s.Errorf(at, "", "a text within a loop has more than %d characters", maxLoopText)
				return ""
			}
			text = strings.ReplaceAll(text, name, value)
		}
	}
	return text
}

func alphanumeric(r rune) rune {
	if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return -1
}

// entry is a key of a map with its value.
type entry struct {
	key   string
	at    policy.Pos
	value *tree.Node
	scope *scope
}

// maxEntries bounds what loops make of one map.
const maxEntries = 10_000

// entries are the keys of a map, those that loops make among them.
func (s *stack) entries(n *tree.Node, in *scope) []entry {
	out := make([]entry, 0, len(n.Items)/2)
	s.addEntries(&out, n, in)
	return out
}

func (s *stack) addEntries(out *[]entry, n *tree.Node, in *scope) {
	for k, v := range n.Fields() {
		if !s.step(s.at(k)) {
			return
		}
		if strings.HasPrefix(k.Text, "Fn::ForEach::") {
			s.loop(out, k, v, in)
			continue
		}
		if in != nil && s.overfull(*out, k) {
			return
		}
		*out = append(*out, entry{s.substituted(in, k.Text, s.at(k)), s.at(k), v, in})
	}
}

// overfull reports that loops made more than they may, which is said once.
func (s *stack) overfull(out []entry, k *tree.Node) bool {
	if len(out) < maxEntries {
		return false
	}
	if s.once("overfull " + s.file) {
		s.Errorf(s.at(k), "", "loops make more than %d entries", maxEntries)
	}
	return true
}

// loop expands Fn::ForEach, which takes an identifier, the values and a map to repeat.
func (s *stack) loop(out *[]entry, k, n *tree.Node, in *scope) {
	if n.Kind != tree.List || len(n.Items) != 3 || n.Items[0].Kind != tree.Text ||
		n.Items[2].Kind != tree.Map {
		s.Errorf(s.at(k), "it takes a list of an identifier, the values and a map",
			"%s is no loop", policy.Quote(k.Text))
		return
	}
	values := s.eval(n.Items[1], in)
	if values.kind == unknown {
		s.unresolved(s.at(n.Items[1]), values, "A,B", "what %s repeats", policy.Quote(k.Text))
		return
	}
	if values.kind != list {
		s.Errorf(s.at(n.Items[1]), "", "%s repeats %s, not a list", policy.Quote(k.Text), values)
		return
	}
	for _, v := range values.items {
		switch {
		case v.kind == unknown:
			s.unresolved(s.at(n.Items[1]), v, "", "a value of %s", policy.Quote(k.Text))
			return
		case v.kind != text:
			s.Errorf(s.at(n.Items[1]), "", "a value of %s is %s, not a text", policy.Quote(k.Text), v)
			return
		case s.overfull(*out, k) || s.spent:
			return
		}
		s.addEntries(out, n.Items[2], &scope{n.Items[0].Text, v.text, in})
	}
}
