package cloudformation

import (
	"strconv"
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// call evaluates a function.
func (s *stack) call(name string, n *tree.Node, in *scope, at policy.Pos) value {
	bad := func(why string) value { return value{kind: unknown, at: at, why: why} }
	switch name {
	case "Ref":
		if !n.IsScalar() {
			return bad("Ref takes a name")
		}
		return s.ref(s.substituted(in, n.Text, at), in, at)
	case "GetAtt":
		return s.getAtt(n, in, at)
	case "Sub":
		return s.sub(n, in, at)
	case "ImportValue":
		return s.imported(s.eval(n, in), at)
	case "Condition", "Equals", "Not", "And", "Or":
		whole := *n
		whole.Tag = "!" + name
		return s.holds(&whole, in)
	case "GetAZs":
		return bad("Fn::GetAZs asks AWS")
	case "Transform":
		return bad("Fn::Transform is not run")
	case "Base64", "ToJsonString":
		return bad("Fn::" + name + " gives no part of a rule")
	}
	if name == "Length" {
		return s.length(s.eval(n, in), at)
	}
	return s.callList(name, n, in, at)
}

// callList evaluates a function that takes a list.
func (s *stack) callList(name string, n *tree.Node, in *scope, at policy.Pos) value {
	bad := func(why string) value { return value{kind: unknown, at: at, why: why} }
	if n.Kind != tree.List || n.Tag != "" {
		n = &tree.Node{}
	}
	switch name {
	case "If":
		if len(n.Items) != 3 || !n.Items[0].IsScalar() {
			return bad("Fn::If takes a condition and two values")
		}
		c := s.condition(s.substituted(in, n.Items[0].Text, at), at)
		switch {
		case c.kind == unknown:
			return c
		case c.text == "true":
			return s.eval(n.Items[1], in)
		}
		return s.eval(n.Items[2], in)
	case "FindInMap":
		return s.findInMap(n.Items, in, at)
	case "Join":
		if len(n.Items) != 2 {
			return bad("Fn::Join takes a delimiter and a list")
		}
		return s.joined(s.eval(n.Items[0], in), s.eval(n.Items[1], in), at)
	case "Split":
		if len(n.Items) != 2 {
			return bad("Fn::Split takes a delimiter and a text")
		}
		return s.split(s.eval(n.Items[0], in), s.eval(n.Items[1], in), at)
	case "Select":
		if len(n.Items) != 2 {
			return bad("Fn::Select takes an index and a list")
		}
		return s.selected(s.eval(n.Items[0], in), n.Items[1], in, at)
	case "Cidr":
		return s.cidr(n.Items, in, at)
	}
	return bad("there is no function " + policy.Quote(name) + " here")
}

func (s *stack) getAtt(n *tree.Node, in *scope, at policy.Pos) value {
	var id, name string
	switch {
	case n.IsScalar():
		id, name, _ = strings.Cut(s.substituted(in, n.Text, at), ".")
	case n.Kind == tree.List && len(n.Items) == 2:
		a, b := s.eval(n.Items[0], in), s.eval(n.Items[1], in)
		if a.kind == unknown || b.kind == unknown {
			return value{kind: unknown, at: at, why: "Fn::GetAtt takes names that are known"}
		}
		id, name = a.text, b.text
	}
	if id == "" || name == "" {
		return value{kind: unknown, at: at, why: "Fn::GetAtt takes a resource and an attribute"}
	}
	return s.attribute(id, name, at)
}

// sub evaluates Fn::Sub: a text, or one with values of its own.
func (s *stack) sub(n *tree.Node, in *scope, at policy.Pos) value {
	own := map[string]*tree.Node{}
	if n.Kind == tree.List && len(n.Items) == 2 && n.Items[1].Kind == tree.Map {
		for k, v := range n.Items[1].Fields() {
			own[s.substituted(in, k.Text, at)] = v
		}
		n = n.Items[0]
	}
	if !n.IsScalar() {
		return value{kind: unknown, at: at, why: "Fn::Sub takes a text, and a map if need be"}
	}
	var parts []value
	s.texted(at, len(n.Text))
	rest := s.substituted(in, n.Text, at)
	if strings.Contains(rest, "{{resolve:") {
		return s.resolved(rest, at)
	}
	for {
		i := strings.Index(rest, "${")
		end := -1
		if i >= 0 {
			end = strings.IndexByte(rest[i:], '}')
		}
		if end < 0 {
			parts = append(parts, textOf(at, rest))
			return s.concatenated("", parts, at)
		}
		parts = append(parts, textOf(at, rest[:i]))
		name := strings.TrimSpace(rest[i+2 : i+end])
		rest = rest[i+end+1:]
		if !s.step(at) {
			return value{kind: unknown, at: at, why: "the template is too big"}
		}
		id, attribute, dotted := strings.Cut(name, ".")
		switch {
		case strings.HasPrefix(name, "!"):
			parts = append(parts, textOf(at, "${"+name[1:]+"}"))
		case own[name] != nil:
			parts = append(parts, s.eval(own[name], in))
		case dotted:
			parts = append(parts, s.attribute(id, attribute, at))
		default:
			parts = append(parts, s.ref(name, in, at))
		}
	}
}

// maxText bounds texts that functions make.
const maxText = 1 << 20

// concatenated joins values to a text, or is what is unknown of it. What is joined with
// nothing stays what it is.
func (s *stack) concatenated(delimiter string, parts []value, at policy.Pos) value {
	var b, shown strings.Builder
	var first, alone value
	alone.kind = nothing
	others := 0
	for i, v := range parts {
		if i > 0 {
			b.WriteString(delimiter)
			shown.WriteString(delimiter)
		}
		if v.kind == list || v.kind == object {
			return value{kind: unknown, at: at, why: v.String() + " stands in a text"}
		}
		if v.kind != text || v.text != "" {
			alone = v
			others++
		}
		if v.kind == unknown || v.kind == groupRef || v.kind == listRef {
			if first.kind == nothing {
				first = v
			}
			shown.WriteString(v.said())
		} else {
			b.WriteString(v.text)
			shown.WriteString(v.text)
		}
		if b.Len()+shown.Len() > maxText || !s.texted(at, len(v.text)) {
			return value{kind: unknown, at: at, why: "a text of it is too long"}
		}
	}
	switch {
	case others == 1 && (delimiter == "" || len(parts) == 1):
		alone.at = at
		return alone
	case first.kind == nothing:
		return textOf(at, b.String())
	case first.kind == unknown:
		first.shown, first.at = shown.String(), at
		return first
	}
	return value{kind: unknown, at: at, shown: shown.String(),
		why: "the ID of a group stands in a text"}
}

func (s *stack) joined(delimiter, values value, at policy.Pos) value {
	switch {
	case delimiter.kind != text:
		return value{kind: unknown, at: at, why: "the delimiter of Fn::Join is not known"}
	case values.kind == unknown:
		return values
	case values.kind != list:
		return value{kind: unknown, at: at, why: "Fn::Join takes a list, not " + values.String()}
	}
	for range values.items {
		if !s.step(at) {
			break
		}
	}
	return s.concatenated(delimiter.text, values.items, at)
}

func (s *stack) split(delimiter, v value, at policy.Pos) value {
	switch {
	case v.kind == unknown:
		return v
	case delimiter.kind != text || delimiter.text == "" || v.kind != text:
		return value{kind: unknown, at: at, why: "Fn::Split takes a delimiter and a text"}
	}
	out := value{kind: list, at: at}
	if strings.Count(v.text, delimiter.text) > maxEntries {
		return value{kind: unknown, at: at, why: "Fn::Split makes too many texts"}
	}
	for _, part := range strings.Split(v.text, delimiter.text) {
		if !s.step(at) {
			break
		}
		out.items = append(out.items, textOf(at, part))
	}
	return out
}

// selected evaluates Fn::Select.
func (s *stack) selected(index value, n *tree.Node, in *scope, at policy.Pos) value {
	i, err := strconv.Atoi(index.text)
	if index.kind == unknown {
		return index
	}
	if index.kind != text || err != nil || i < 0 {
		return value{kind: unknown, at: at, why: "the index of Fn::Select is " + index.String()}
	}
	v := s.eval(n, in)
	switch {
	case v.kind == unknown:
		return v
	case v.kind != list:
		return value{kind: unknown, at: at, why: "Fn::Select takes a list, not " + v.String()}
	case i >= len(v.items):
		return value{kind: unknown, at: at, why: sprintf("Fn::Select asks for item %d of a list of %d, "+
			"counted from 0", i, len(v.items))}
	}
	return v.items[i]
}

func (s *stack) length(v value, at policy.Pos) value {
	switch v.kind {
	case unknown:
		return v
	case list:
		return textOf(at, strconv.Itoa(len(v.items)))
	}
	return value{kind: unknown, at: at, why: "Fn::Length takes a list, not " + v.String()}
}

// findInMap evaluates Fn::FindInMap: a map, two keys, and what holds if there is none.
func (s *stack) findInMap(n []*tree.Node, in *scope, at policy.Pos) value {
	if len(n) != 3 && len(n) != 4 {
		return value{kind: unknown, at: at, why: "Fn::FindInMap takes a map and two keys"}
	}
	var keys [3]string
	for i := range keys {
		v := s.eval(n[i], in)
		if v.kind == unknown {
			return v
		}
		if v.kind != text {
			return value{kind: unknown, at: at, why: "a key of Fn::FindInMap is " + v.String()}
		}
		keys[i] = v.text
	}
	if found := s.mappings[keys[0]].Field(keys[1]).Field(keys[2]); found != nil {
		return s.eval(found, in)
	}
	if len(n) == 4 {
		if other := n[3].Field("DefaultValue"); other != nil {
			return s.eval(other, in)
		}
	}
	return value{kind: unknown, at: at,
		why: sprintf("mapping %s has no %s with %s", policy.Quote(keys[0]),
			policy.Quote(keys[1]), policy.Quote(keys[2]))}
}
