package cloudformation

import (
	"strings"

	"sgfw/policy"
)

// outside returns the group that rules of a template are for and that no template has.
func (s *stack) outside(at policy.Pos, v value) *group {
	key := v.text
	if known := s.byKey[key]; known != nil {
		return known
	}
	name := key
	if policy.GroupID.Meant(key) || strings.HasPrefix(strings.ToLower(key), "sg-") {
		name = "outside " + key
	}
	known := &group{key: key, at: at}
	s.groups = append(s.groups, known)
	s.byKey[key] = known
	s.Group(key, "", policy.Group{Name: name, Pos: at})
	s.Lost(at, "import the template or the answer of describe-security-groups that has it",
		"group %s is not here: it has only the rules that the templates add", policy.Quote(key))
	return known
}

// addRules adds the rules that are resources.
func (s *stack) addRules() {
	for _, r := range s.resources {
		dir := policy.Ingress
		switch r.typ {
		case typeEgress:
			dir = policy.Egress
		case typeIngress:
		default:
			continue
		}
		if s.spent || !s.included(r) {
			continue
		}
		names := resourceProperties[dir]
		f, ok := s.properties(r, names)
		if !ok {
			continue
		}
		target, ok := s.target(r, f)
		if !ok {
			continue
		}
		delete(f, "GroupId")
		delete(f, "GroupName")
		if rule, ok := s.ruleOf(f, dir, r.at); ok && !s.full(target) {
			s.add(target, dir, rule)
			if dir == policy.Egress {
				target.added = rule.Pos
			}
		}
	}
}

// target is the group that a rule is for.
func (s *stack) target(r *resource, f map[string]value) (*group, bool) {
	v, property := f["GroupId"], "GroupId"
	if v.kind == nothing {
		v, property = f["GroupName"], "GroupName"
	}
	switch {
	case v.kind == nothing:
		s.Errorf(r.at, "GroupId: !Ref GROUP", "rule %s names no group", r.id)
		return nil, false
	case v.kind == groupRef:
		if g := s.byKey[v.text]; g != nil {
			return g, true
		}
		// What is wrong with the group is said there.
		return nil, false
	case v.kind == text && property == "GroupName":
		if g := s.groupNamed(v.text); g != nil {
			return g, true
		}
		return s.outside(r.at, v), true
	case v.kind == text && !strings.HasPrefix(v.text, "sg-"):
		s.notGroup(v, property)
		return nil, false
	case v.kind == text, v.kind == unknown && v.text != "":
		return s.outside(r.at, v), true
	case v.kind == unknown:
		s.unresolved(v.at, v, "sg-…", "%s of rule %s", property, r.id)
	default:
		s.Errorf(v.at, "GroupId: !Ref GROUP", "%s of rule %s is %s", property, r.id, v)
	}
	return nil, false
}

// notGroup reports a text that is no group's ID.
func (s *stack) notGroup(v value, property string) {
	hint := "an ID begins with sg-"
	if r := s.byID[v.text]; r != nil && r.typ == typeGroup {
		hint = "write !Ref " + v.text
	}
	s.Errorf(v.at, hint, "%s %s is no ID of a group", property, policy.Quote(v.text))
}

// groupNamed is the group of the template that has a name of its own.
func (s *stack) groupNamed(name string) *group {
	if s.named == nil {
		s.named = map[string]*group{}
		for _, r := range s.resources {
			g := s.byKey[s.key(r.id)]
			if r.typ != typeGroup || g == nil {
				continue
			}
			if v := s.property(r, "GroupName"); v.kind == text && s.named[v.text] == nil {
				s.named[v.text] = g
			}
		}
	}
	return s.named[name]
}
