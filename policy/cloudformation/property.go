package cloudformation

import (
	"slices"
	"strings"
	"unicode"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// properties are those of a resource whose names are known; others are errors, as they are
// to CloudFormation.
func (s *stack) properties(r *resource, names []string) (map[string]value, bool) {
	if r.properties == nil || r.properties.Kind != tree.Map {
		s.Errorf(r.at, "", "%s has no properties", r.id)
		return nil, false
	}
	v := s.eval(r.properties, r.scope)
	if v.kind == unknown {
		s.unresolved(r.at, v, "", "what %s is", r.id)
	}
	if v.kind != object {
		return nil, false
	}
	return s.known(v, names)
}

// known are the fields of an object, none of which has another name.
func (s *stack) known(v value, names []string) (map[string]value, bool) {
	ok := true
	f := s.each(v, func(e entry) bool {
		if slices.Contains(names, e.key) || v.stack.eval(e.value, e.scope).kind == nothing {
			return true
		}
		hint := s.meant(e.key, func() []string { return names })
		s.Errorf(e.at, hint, "there is no property %s here", policy.Quote(e.key))
		ok = false
		return false
	})
	return f, ok
}

// name is a value as a label.
func (v value) name() string {
	if v.kind == unknown && v.text != "" {
		return v.text
	}
	return v.said()
}

// hintOf says how to give a value.
func hintOf(v value) string {
	if v.text == "" {
		return ""
	}
	return "--var '" + v.text + "=VALUE'"
}

// line is a description, in one line.
func (s *stack) line(at policy.Pos, v value, what string) string {
	t := strings.Trim(v.said(), "\r\n") // which end texts in blocks
	if !strings.ContainsFunc(t, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return t
	}
	s.Lost(at, "", "%s has line ends or what cannot be printed, here spaces", what)
	return strings.Join(strings.FieldsFunc(t, func(r rune) bool {
		return r == ' ' || !unicode.IsPrint(r)
	}), " ")
}

// tags are those of a resource.
func (s *stack) tags(v value) map[string]string {
	if v.kind != list {
		return nil
	}
	tags := map[string]string{}
	for _, item := range v.items {
		if item.kind != object {
			continue
		}
		f := s.fields(item)
		if key := f["Key"].said(); key != "" {
			tags[key] = s.line(item.at, f["Value"], "tag "+policy.Quote(key))
		}
	}
	if len(tags) == 0 {
		return nil
	}
	return tags
}
