package cloudformation

import (
	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// condition is one of the Conditions, and its value once that was asked for.
type condition struct {
	node  *tree.Node
	scope *scope
	at    policy.Pos
	value *value
	busy  bool
}

// named returns whether the condition of a name holds: a truth, or unknown.
func (s *stack) condition(name string, at policy.Pos) value {
	c := s.conditions[name]
	switch {
	case c == nil:
		why := "there is no condition " + policy.Quote(name)
		if near := s.meant(name, s.conditionNames); near != "" {
			why += "; " + near
		}
		return value{kind: unknown, at: at, why: why}
	case c.value != nil:
		return *c.value
	case c.busy:
		return value{kind: unknown, at: at, why: "condition " + policy.Quote(name) + " depends on itself"}
	}
	c.busy = true
	v := s.holds(c.node, c.scope)
	c.busy, c.value = false, &v
	return v
}

func (s *stack) conditionNames() []string {
	var names []string
	for name := range s.conditions {
		names = append(names, name)
	}
	return sorted(names)
}

// holds evaluates a condition.
func (s *stack) holds(n *tree.Node, in *scope) value {
	at := s.at(n)
	if !s.step(at) {
		return value{kind: unknown, at: at, why: "the template is too big"}
	}
	if s.deep++; s.deep > maxNested {
		s.deep--
		return value{kind: unknown, at: at, why: "conditions are nested too deep, or in a circle"}
	}
	defer func() { s.deep-- }()
	if n.Tag == "!Condition" && n.IsScalar() {
		return s.condition(s.substituted(in, n.Text, at), at)
	}
	if n.Kind == tree.Map && len(n.Items) == 2 && n.Items[0].Text == "Condition" && n.Tag == "" &&
		n.Items[1].IsScalar() {
		return s.condition(s.substituted(in, n.Items[1].Text, at), at)
	}
	name, argument := function(n)
	arguments := []*tree.Node{}
	if argument != nil && argument.Kind == tree.List && argument.Tag == "" {
		arguments = argument.Items
	}
	switch {
	case name == "Equals" && len(arguments) == 2:
		return s.equal(s.eval(arguments[0], in), s.eval(arguments[1], in), at)
	case name == "Not" && len(arguments) == 1:
		v := s.holds(arguments[0], in)
		if v.kind == text {
			return truth(at, v.text != "true")
		}
		return v
	case (name == "And" || name == "Or") && len(arguments) > 0:
		return s.join(arguments, in, at, name == "Or")
	}
	if name == "" || name == "Ref" || name == "FindInMap" || name == "If" || name == "Sub" {
		v := s.eval(n, in)
		if v.kind == unknown || v.kind == text && (v.text == "true" || v.text == "false") {
			return v
		}
	}
	return value{kind: unknown, at: at, why: "this is no condition"}
}

// join evaluates Fn::Or, or Fn::And: of what is unknown only where it matters.
func (s *stack) join(arguments []*tree.Node, in *scope, at policy.Pos, or bool) value {
	out := truth(at, !or)
	for _, n := range arguments {
		v := s.holds(n, in)
		if v.kind == text && (v.text == "true") == or {
			return truth(at, or)
		}
		if v.kind == unknown {
			out = v
		}
	}
	return out
}

// equal compares two values.
func (s *stack) equal(a, b value, at policy.Pos) value {
	for _, v := range []value{a, b} {
		if v.kind == unknown {
			v.at = at
			return v
		}
	}
	s.texted(at, len(a.text)+len(b.text))
	return truth(at, same(a, b))
}

func same(a, b value) bool {
	if a.kind != b.kind || a.text != b.text || len(a.items) != len(b.items) || a.kind == object {
		return false
	}
	for i := range a.items {
		if !same(a.items[i], b.items[i]) {
			return false
		}
	}
	return true
}
