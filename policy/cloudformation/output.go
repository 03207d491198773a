package cloudformation

import "sgfw/policy"

// export is a value that a template exports.
type export struct {
	of    *stack
	entry entry
	busy  bool
	value *value // once it was asked for
}

// exported finds what a template exports, by name.
func (s *stack) exported() map[string]*export {
	if s.exports != nil {
		return s.exports
	}
	s.exports = map[string]*export{}
	for _, id := range sorted(outputNames(s.outputs)) {
		e := s.outputs[id]
		exports := e.value.Field("Export")
		if exports == nil || exports.Field("Name") == nil {
			continue
		}
		name := s.eval(exports.Field("Name"), e.scope)
		if name.kind == text || name.kind == unknown {
			s.exports[name.said()] = &export{of: s, entry: e}
		}
	}
	return s.exports
}

func outputNames(outputs map[string]entry) []string {
	var names []string
	for name := range outputs {
		names = append(names, name)
	}
	return names
}

// imported evaluates Fn::ImportValue: what another of the templates exports, or something
// that the user gives.
func (s *stack) imported(name value, at policy.Pos) value {
	if name.kind != text && name.kind != unknown {
		return value{kind: unknown, at: at, why: "Fn::ImportValue takes a name, not " + name.String()}
	}
	said := name.said()
	if v, there := s.asked(said); there {
		return textOf(at, v)
	}
	for _, other := range s.stacks {
		x := other.exported()[said]
		if x == nil || other == s {
			continue
		}
		if c := other.outputIncluded(x.entry); c.kind == unknown || c.text != "true" {
			return value{kind: unknown, at: at, why: "the condition of export " + said +
				" does not hold, or is not known"}
		}
		n := x.entry.value.Field("Value")
		if n == nil || x.busy {
			return value{kind: unknown, at: at, why: "export " + said + " depends on itself"}
		}
		if x.value == nil {
			x.busy = true
			v := other.eval(n, x.entry.scope)
			x.busy, x.value = false, &v
		}
		return *x.value
	}
	return value{kind: unknown, at: at, text: said,
		why: "it is the export " + policy.Quote(said) + " of another stack"}
}

// outputIncluded is whether the condition of an output holds.
func (s *stack) outputIncluded(e entry) value {
	if c := e.value.Field("Condition"); c != nil && c.IsScalar() {
		return s.condition(s.substituted(e.scope, c.Text, s.at(c)), s.at(c))
	}
	return truth(policy.Pos{}, true)
}
