package formats

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/convert"
	"sgfw/policy/file"
)

// hasText reports whether a source has more than white space.
func hasText(s convert.Source) bool { return len(bytes.TrimSpace(s.Data)) > 0 }

// looksOwn reports whether a source has words of a policy file of this program.
func looksOwn(s convert.Source) bool {
	for _, word := range []string{"version:", `"version"`, "security_groups", "interfaces"} {
		if bytes.Contains(s.Data, []byte(word)) {
			return true
		}
	}
	return false
}

// looksForeign reports whether a source is known for something else, which reading it says.
func looksForeign(s convert.Source) bool {
	f, _ := file.Recognise(s.Data)
	return f != nil
}

// Of is the name of the format that [Import] reads sources as, empty if they are of several.
func Of(name string, sources []convert.Source) string {
	if name == "" {
		var bad *policy.Problem
		if name, bad = recognise(sources); bad != nil {
			return ""
		}
	}
	return cmp.Or(name, Own)
}

// unrecognised says why a text that is no policy was read as one.
func unrecognised(sources []convert.Source) policy.Problem {
	p := policy.Problem{Severity: policy.SeverityNotice,
		Message: "the format is not recognised, so this is read as a policy of sgfw",
		Hint:    "--format says what it is: " + strings.Join(Names(), ", ")}
	if len(sources) > 0 {
		p.Pos.File = sources[0].Name
	}
	return p
}

// unneeded are notices of the lists that the user gave and that stand for nothing in a policy.
func unneeded(p *policy.Policy, o convert.Options) (out policy.Problems) {
	var absent []string
	for i := range p.PrefixLists {
		if key, is := convert.AbsentKey(p.PrefixLists[i].Pos); is {
			absent = append(absent, key, p.PrefixLists[i].Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.PrefixLists)) {
		if slices.Contains(absent, name) {
			continue
		}
		hint := "the files have all lists and groups that rules name"
		if near := policy.Suggest(name, absent); near != "" {
			hint = "did you mean " + near + "?"
		} else if len(absent) > 0 {
			hint = "it is for what a notice says is not here"
		}
		out = append(out, policy.Problem{Severity: policy.SeverityNotice, Hint: hint,
			Message: "--prefix-list " + name + ": no rule needs it"})
	}
	return out
}
