package cloudformation

import (
	"maps"
	"slices"

	"sgfw/policy"
)

// asked is what the user gives for a name, if anything, and notes that it was asked for.
func (m *importer) asked(name string) (string, bool) {
	v, there := m.vars[name]
	if there {
		m.said["--var "+name] = true
	}
	return v, there
}

// unasked says which values the user gave and nothing asked for, unless a parameter has the
// name: most likely it is misspelt.
func (m *importer) unasked() {
	var names []string
	for _, s := range m.stacks {
		names = append(names, slices.Sorted(maps.Keys(s.parameters))...)
	}
	for _, name := range slices.Sorted(maps.Keys(m.vars)) {
		if slices.Contains(names, name) || m.said["--var "+name] || name == "AWS::AccountId" {
			continue
		}
		hint := "parameters are those of the templates themselves"
		switch near := policy.Suggest(name, names); {
		case near != "":
			hint = "did you mean " + near + "?"
		case len(names) == 0:
			hint = "there are no parameters"
		}
		m.Add(policy.Pos{}, &policy.Problem{Severity: policy.SeverityNotice, Hint: hint,
			Message: "--var " + name + ": nothing has or needs a value of that name"})
	}
}
