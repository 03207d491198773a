package explain

import (
	"fmt"
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/filter"
	"sgfw/policy"
)

// GroupNamed returns the name of the group that a question names, by name or ID. It is
// one of the policy, or of a rule that was in force before; the default group is there
// in every policy. The error is a [policy.Problem] with AWS's code.
func GroupNamed(rs *filter.Ruleset, text string) (string, error) {
	isID := policy.GroupID.Meant(text)
	if isID {
		if bad := policy.GroupID.Check(text); bad != nil {
			return "", *bad
		}
	}
	p := rs.Policy()
	names := []string{policy.DefaultName}
	for i := range p.Groups {
		names = append(names, p.Groups[i].Name)
	}
	is := func(name string) bool { return name == text || isID && p.IDs.Group(name) == text }
	if i := slices.IndexFunc(names, is); i >= 0 {
		return names[i], nil
	}
	for _, info := range rs.Rules() {
		if info.Gone && info.Group != "" && is(info.Group) {
			return info.Group, nil
		}
	}
	missing := policy.GroupID.NotFound(text)
	if near := policy.Suggest(text, names); near != "" && !isID {
		missing.Hint = "did you mean " + near + "?"
	}
	return "", *missing
}

// DeviceNamed returns the name of the device that a question names, by name or ID. An
// ID is looked for among the devices, and among those that the policy names; any name
// is taken, for devices come and go. The error is a [policy.Problem] with AWS's code.
func DeviceNamed(p *policy.Policy, devices []string, text string) (string, error) {
	if len(text) <= policy.MaxDeviceName || !policy.InterfaceID.Meant(text) {
		return text, nil
	}
	if bad := policy.InterfaceID.Check(text); bad != nil {
		return "", *bad
	}
	devices = slices.Clone(devices)
	for i := range p.Interfaces {
		devices = append(devices, p.Interfaces[i].Device)
	}
	for _, name := range devices {
		if !strings.HasSuffix(name, "*") && p.IDs.Interface(name) == text {
			return name, nil
		}
	}
	return "", *policy.InterfaceID.NotFound(text)
}

// Managed is nil for a device, or a shared scope by its [api.ScopePrefix], that the
// ruleset manages or one before it did; otherwise it says what there is.
func Managed(rs *filter.Ruleset, name string) error {
	p := rs.Policy()
	shared, isScope := strings.CutPrefix(name, api.ScopePrefix)
	if isScope && rs.Remembers("", shared) || !isScope && rs.Remembers(name, "") {
		return nil
	}
	var names []string
	for i := range p.Interfaces {
		n := &p.Interfaces[i]
		if isScope && n.Scope == shared || n.Device == name {
			return nil
		}
		names = append(names, n.Device)
		if n.Scope != "" {
			names = append(names, api.ScopePrefix+n.Scope)
		}
	}
	if _, ok := p.Match(name); ok {
		return nil
	}
	problem := policy.Problem{Message: fmt.Sprintf("no interface %s in the policy", name)}
	for _, a := range rs.Attachments() {
		names = append(names, a.Device)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if near := policy.Suggest(name, names); near != "" {
		problem.Hint = "did you mean " + near + "?"
	} else if len(names) > 0 {
		problem.Hint = "it has " + strings.Join(names[:min(len(names), maxNames)], ", ")
	}
	return problem
}

// maxNames is how many names a hint lists.
const maxNames = 8

// ruleID is the ID of a rule that is in force, or was.
func ruleID(ids policy.IDs, info *filter.RuleInfo) string {
	return ids.Rule(info.Group, policy.Direction(info.Direction), info.Rule.ID())
}
