package cloudformation

import (
	"fmt"
	"strconv"
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert/tree"
)

// kind says what a value is.
type kind uint8

const (
	// nothing is null and AWS::NoValue: as if the key were not there.
	nothing kind = iota
	// text is a text, a number or a truth value.
	text
	list
	// object is a map, whose values are evaluated when they are asked for.
	object
	// groupRef is a security group of a template, listRef a prefix list of one.
	groupRef
	listRef
	// unknown is what only CloudFormation knows.
	unknown
)

// value is what a node evaluates to.
type value struct {
	kind kind
	at   policy.Pos
	// text is that of a text; the draft's key of a group or list; and of what is unknown,
	// the name by which --var can give it, empty if it cannot.
	text string
	// shown is a text in which what is unknown stands as ${NAME}.
	shown string
	// why says why it is unknown.
	why   string
	items []value
	node  *tree.Node
	scope *scope
	stack *stack // of an object
}

func (v value) String() string {
	switch v.kind {
	case nothing:
		return "nothing"
	case text:
		return policy.Quote(v.text)
	case list:
		return "a list"
	case object:
		return "an object"
	case groupRef:
		return "the group " + v.text
	case listRef:
		return "the prefix list " + v.text
	}
	return v.text
}

// said is a value as a text for people, as far as it is known.
func (v value) said() string {
	switch v.kind {
	case text:
		return v.text
	case unknown, groupRef, listRef:
		if v.shown != "" {
			return v.shown
		}
		return "${" + v.text + "}"
	}
	return ""
}

func textOf(at policy.Pos, s string) value { return value{kind: text, at: at, text: s} }

func truth(at policy.Pos, b bool) value { return textOf(at, strconv.FormatBool(b)) }

func sprintf(format string, a ...any) string {
	if len(a) == 0 {
		return format
	}
	return fmt.Sprintf(format, a...)
}

// unresolved reports that a value is not known where it matters; expect says what it should
// be, such as a CIDR, for the hint, and the format what it is for.
func (s *stack) unresolved(at policy.Pos, v value, expect, format string, a ...any) {
	hint := ""
	if v.text != "" {
		if expect == "" || v.shown != "" && v.shown != v.text &&
			v.shown != "${"+v.text+"}" { // a part of a text
			expect = "VALUE"
		}
		if p := s.parameters[v.text]; p != nil {
			if values, some := p.allowed(); some {
				expect = strings.Join(values[:min(len(values), 10)], "|")
			}
		}
		hint = "--var '" + v.text + "=" + expect + "'"
	}
	s.Errorf(at, hint, "%s cannot be known here: %s", sprintf(format, a...), v.why)
}
