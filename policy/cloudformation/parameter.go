package cloudformation

import (
	"slices"
	"strconv"
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// parameter is one of the Parameters, and its value once that was asked for.
type parameter struct {
	name  string
	node  *tree.Node
	at    policy.Pos
	value *value
}

// parameter returns the value of a parameter: what the user gives, or its default.
func (s *stack) parameter(p *parameter) value {
	if p.value == nil {
		v := s.readParameter(p)
		p.value = &v
	}
	return *p.value
}

func (s *stack) readParameter(p *parameter) value {
	typ := fieldText(p.node, "Type")
	given, there := s.asked(p.name)
	at := p.at
	if !there && typ == typeGroupID && fieldText(p.node, "Description") == defaultText {
		return value{kind: groupRef, at: at, text: s.defaultGroup(s.key(p.name), "", at),
			shown: "${" + p.name + "}"}
	}
	if !there && typ == typeVPCID && fieldText(p.node, "Description") == networkText {
		return value{at: at}
	}
	if !there {
		n := p.node.Field("Default")
		switch {
		case strings.HasPrefix(typ, "AWS::SSM::Parameter::Value<"):
			return value{kind: unknown, at: at, text: p.name,
				why: "the value of parameter " + p.name + " is in the Parameter Store of AWS"}
		case n == nil || !n.IsScalar():
			return value{kind: unknown, at: at, text: p.name,
				why: "parameter " + p.name + " has no default"}
		}
		given, at = n.Text, s.at(n)
	}
	if strings.Contains(given, "{{resolve:") {
		return value{kind: unknown, at: at, text: p.name, shown: given,
			why: given + " is resolved by AWS"}
	}
	isList := typ == "CommaDelimitedList" || strings.Contains(typ, "List<")
	items := []string{given}
	if isList && strings.Count(given, ",") > maxEntries {
		s.Errorf(at, "", "parameter %s is a list of more than %d", p.name, maxEntries)
		return value{kind: unknown, at: at, why: "parameter " + p.name + " is too long"}
	}
	if isList {
		items = splitList(given)
	}
	s.check(p, items, at, typ)
	if !isList {
		return textOf(at, given)
	}
	v := value{kind: list, at: at}
	for _, item := range items {
		v.items = append(v.items, textOf(at, item))
	}
	return v
}

// allowed are the values that a parameter takes, and whether it does not take all.
func (p *parameter) allowed() (values []string, some bool) {
	n := p.node.Field("AllowedValues")
	if n == nil || n.Kind != tree.List {
		return nil, false
	}
	for _, item := range n.Items {
		values = append(values, item.Text)
	}
	return values, true
}

// splitList are the items of a list that a parameter takes.
func splitList(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	items := strings.Split(s, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}

// check reports values that the parameter does not take.
func (s *stack) check(p *parameter, items []string, at policy.Pos, typ string) {
	for _, item := range items {
		if typ == "Number" || typ == "List<Number>" {
			if _, err := strconv.ParseFloat(item, 64); err != nil {
				s.Errorf(at, "", "parameter %s takes numbers: %s is none", p.name, policy.Quote(item))
			}
		}
		values, some := p.allowed()
		if some && !slices.Contains(values, item) {
			s.Errorf(at, "one of "+strings.Join(values[:min(len(values), 10)], ", "),
				"parameter %s does not take %s", p.name, policy.Quote(item))
		}
	}
}

// fieldText is a text in a map, empty if there is none.
func fieldText(n *tree.Node, key string) string {
	if f := n.Field(key); f != nil && f.IsScalar() {
		return f.Text
	}
	return ""
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
