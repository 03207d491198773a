package terraform

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"sgfw/policy"
	"sgfw/policy/convert"
)

// unasked says which values the user gave and nothing asked for: most likely the name is
// misspelt.
func (e *evaluator) unasked() {
	for _, name := range slices.Sorted(maps.Keys(e.options.Vars)) {
		if e.asked[name] || slices.Contains(e.variables, name) {
			continue
		}
		hint := "variables are those of the folder itself, not of its modules"
		switch near := policy.Suggest(name, e.variables); {
		case near != "":
			hint = "did you mean " + near + "?"
		case len(e.variables) == 0:
			hint = "there are no variables"
		}
		e.notice(policy.Pos{}, hint, "--var %s: nothing has or needs a value of that name", short(name))
	}
}

// nothing says that there is no group, unless something is wrong anyway. Modules that are not
// read are named already.
func (e *evaluator) nothing(sources []convert.Source) {
	if e.Failed() || e.HasGroups() || len(sources) == 0 {
		return
	}
	hint := "groups are resources of type aws_security_group"
	for _, s := range sources {
		if !isValues(s) {
			e.notice(policy.Pos{File: s.Name}, hint, "no security group is in the files")
			return
		}
	}
	e.errorf(policy.Pos{File: sources[0].Name}, "name the configuration, too: its folder or files",
		"this gives values to variables, and there is no configuration")
}

// outside are the gaps of an expression that needs what a function would fetch from outside
// of the configuration, such as a file.
func (e *evaluator) outside(x hclsyntax.Expression) (gaps []gap) {
	diags := hclsyntax.VisitAll(x, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && slices.Contains(outside, call.Name) {
			gaps = join(gaps, []gap{{pos: e.at(call.NameRange),
				note: call.Name + "() is not evaluated, so this is not known; terraform show -json knows"}})
		}
		return nil
	})
	if diags.HasErrors() {
		return nil
	}
	return gaps
}
