package cloudformation

import (
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// maxNested bounds how deep values lead to others.
const maxNested = 400

// eval returns what a node stands for.
func (s *stack) eval(n *tree.Node, in *scope) value {
	at := s.at(n)
	if !s.step(at) {
		return value{kind: unknown, at: at, why: "the template is too big"}
	}
	if name, argument := function(n); name != "" {
		if s.deep++; s.deep > maxNested {
			s.deep--
			return value{kind: unknown, at: at, why: "functions are nested too deep, or in a circle"}
		}
		v := s.call(name, argument, in, at)
		s.deep--
		// Where a value comes from does not matter to whoever reads the rule; that of an object
		// is where its keys are.
		if v.kind != object {
			v.at = at
		}
		return v
	}
	switch n.Kind {
	case tree.Null:
		return value{at: at}
	case tree.Text:
		s.texted(at, len(n.Text))
		t := s.substituted(in, n.Text, at)
		if strings.Contains(t, "{{resolve:") {
			return s.resolved(t, at)
		}
		return textOf(at, t)
	case tree.Number, tree.Bool:
		return textOf(at, n.Text)
	case tree.List:
		items := make([]value, 0, len(n.Items))
		for _, item := range n.Items {
			if v := s.eval(item, in); v.kind != nothing {
				items = append(items, v)
			}
		}
		return value{kind: list, at: at, items: items}
	}
	return value{kind: object, at: at, node: n, scope: in, stack: s}
}

// function returns the function that a node calls, without Fn:: and !, and its argument;
// empty if it calls none.
func function(n *tree.Node) (name string, argument *tree.Node) {
	if n.Tag != "" {
		plain := *n
		plain.Tag = ""
		return strings.TrimPrefix(n.Tag, "!"), &plain
	}
	if n.Kind != tree.Map || len(n.Items) != 2 {
		return "", nil
	}
	switch key := n.Items[0].Text; {
	case key == "Ref":
		return key, n.Items[1]
	case strings.HasPrefix(key, "Fn::") && !strings.HasPrefix(key, "Fn::ForEach::"):
		return strings.TrimPrefix(key, "Fn::"), n.Items[1]
	}
	return "", nil
}

// fields are the values of an object by key, without those that are nothing: those of some
// keys, or all.
func (s *stack) fields(v value, only ...string) map[string]value {
	return s.each(v, func(e entry) bool {
		return len(only) == 0 || slices.Contains(only, e.key)
	})
}

// each are the values of an object by key that are something and that want wants.
func (s *stack) each(v value, want func(entry) bool) map[string]value {
	entries := v.stack.entries(v.node, v.scope)
	out := make(map[string]value, len(entries))
	for _, e := range entries {
		if _, there := out[e.key]; there {
			s.Errorf(e.at, "", "key %s is there already", policy.Quote(e.key))
			continue
		}
		if !want(e) {
			continue
		}
		if f := v.stack.eval(e.value, e.scope); f.kind != nothing {
			out[e.key] = f
		}
	}
	return out
}

// property evaluates one property of a resource.
func (s *stack) property(r *resource, name string) value {
	if r.properties == nil {
		return value{at: r.at}
	}
	if fn, _ := function(r.properties); fn != "" {
		return value{kind: unknown, at: r.at, why: "the properties of " + r.id + " come from Fn::" + fn}
	}
	for _, e := range s.entries(r.properties, r.scope) {
		if e.key == name {
			return s.eval(e.value, e.scope)
		}
	}
	return value{at: r.at}
}

// given is what the user says about something unknown, if anything.
func (s *stack) given(at policy.Pos, name, why string) value {
	if v, there := s.asked(name); there {
		return textOf(at, v)
	}
	return value{kind: unknown, at: at, text: name, why: why}
}

// resolved is a text with a reference that AWS resolves when it deploys, unless the user
// gives it.
func (s *stack) resolved(t string, at policy.Pos) value {
	v := s.given(at, t, t+" is resolved by AWS")
	if v.kind == unknown {
		v.shown = t
	}
	return v
}

// ref evaluates Ref.
func (s *stack) ref(name string, in *scope, at policy.Pos) value {
	if v, there := in.find(name); there {
		return textOf(at, v)
	}
	if p := s.parameters[name]; p != nil {
		return s.parameter(p)
	}
	if strings.HasPrefix(name, "AWS::") {
		return s.pseudo(name, at)
	}
	r := s.byID[name]
	if r == nil {
		why := "there is no parameter or resource " + name
		if near := s.meant(name, s.names); near != "" {
			why += "; " + near
		}
		return value{kind: unknown, at: at, why: why, shown: "${" + name + "}"}
	}
	switch {
	case r.typ != typeGroup && r.typ != typeList:
		return s.given(at, name, name+" is made when the stack is")
	case !s.included(r):
		return value{kind: unknown, at: at, why: "its condition leaves resource " + name + " out"}
	case r.typ == typeGroup:
		return value{kind: groupRef, at: at, text: s.key(name), shown: "${" + name + "}"}
	}
	return value{kind: listRef, at: at, text: s.key(name), shown: "${" + name + "}"}
}

// names are those that Ref takes.
func (s *stack) names() []string {
	out := make([]string, 0, len(s.parameters)+len(s.byID))
	for name := range s.parameters {
		out = append(out, name)
	}
	for name := range s.byID {
		out = append(out, name)
	}
	return sorted(out)
}

// pseudo evaluates a parameter that AWS sets.
func (s *stack) pseudo(name string, at policy.Pos) value {
	if v, there := s.asked(name); there && name != "AWS::NoValue" {
		return textOf(at, v)
	}
	switch name {
	case "AWS::NoValue":
		return value{at: at}
	case "AWS::StackName":
		if s.once("AWS::StackName " + s.file) {
			s.notice(at, "--var AWS::StackName=NAME", "the stack is called %s here, after its file", s.name)
		}
		return textOf(at, s.name)
	case "AWS::Partition":
		return textOf(at, "aws")
	case "AWS::URLSuffix":
		return textOf(at, "amazonaws.com")
	case "AWS::AccountId", "AWS::Region", "AWS::StackId", "AWS::NotificationARNs":
		return value{kind: unknown, at: at, text: name, why: name + " is set by AWS"}
	}
	return value{kind: unknown, at: at, why: "there is no parameter " + name}
}

// attribute evaluates Fn::GetAtt. Where a property has the attribute's name it has its value.
func (s *stack) attribute(id, name string, at policy.Pos) value {
	full := id + "." + name
	r := s.byID[id]
	if r == nil {
		v := s.ref(id, nil, at)
		if v.kind != unknown || s.parameters[id] != nil {
			v = value{kind: unknown, why: id + " is no resource"}
		}
		v.shown = "${" + full + "}"
		return v
	}
	switch {
	case r.typ == typeGroup && name != "VpcId", r.typ == typeList && name == "PrefixListId":
		return s.ref(id, nil, at)
	case r.typ == typeInstance && name == "PrivateIp",
		r.typ == typeInterface && name == "PrimaryPrivateIpAddress":
		return s.fromProperty(r, name, "PrivateIpAddress", at)
	case r.typ == typeVPC && name == "DefaultSecurityGroup":
		if !s.included(r) {
			return value{kind: unknown, at: at, why: "its condition leaves resource " + id + " out"}
		}
		return value{kind: groupRef, at: at, text: s.defaultOf(r), shown: "${" + full + "}"}
	case strings.HasPrefix(r.typ, "Custom::") || r.typ == "AWS::CloudFormation::CustomResource":
		// What they are given is not what they give.
		return s.given(at, full, full+" is made when the stack is")
	case strings.HasSuffix(name, ".Port"): // of the endpoint of a database
		return s.fromProperty(r, name, "Port", at)
	}
	return s.fromProperty(r, name, name, at)
}

// fromProperty is an attribute that a property sets, if it is there, unless the user gives it.
func (s *stack) fromProperty(r *resource, attribute, property string, at policy.Pos) value {
	full := r.id + "." + attribute
	if v, there := s.asked(full); there {
		return textOf(at, v)
	}
	if s.busy[full] {
		return value{kind: unknown, at: at, why: full + " depends on itself"}
	}
	if v, there := s.attributes[full]; there {
		return v
	}
	s.busy[full] = true
	v := s.property(r, property)
	delete(s.busy, full)
	if v.kind == nothing {
		v = s.given(at, full, full+" is made when the stack is")
	}
	s.attributes[full] = v
	return v
}
