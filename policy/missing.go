package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// knownGroup reports a reference to a group that does not exist (R32).
func (v *validator) knownGroup(pos Pos, field, name string) {
	if v.groups[name] {
		return
	}
	if GroupID.Meant(name) {
		if bad := GroupID.Check(name); bad != nil {
			bad.Field, bad.Hint = field, "groups go by name here, not by ID"
			v.report(pos, bad)
			return
		}
	}
	other := "name it under security_groups"
	if strings.HasPrefix(name, "sg-") || strings.Contains(name, "/sg-") {
		other = "groups go by name here, not by ID"
	} else if _, err := netip.ParsePrefix(name); err == nil {
		other = "CIDRs go under cidr_blocks or ipv6_cidr_blocks"
	}
	v.missing(pos, field, GroupNotFound, name, "group", v.hint(name, v.groupNames, other))
}

// missing reports a reference to something that does not exist.
func (v *validator) missing(pos Pos, field string, code Code, name, kind, hint string) {
	if !v.found.Full(SeverityError) {
		v.found.Add(Problem{Pos: pos, Field: field, Code: code, Missing: name, Hint: hint,
			Message: fmt.Sprintf("no %s is called %s", kind, quote(name))})
	}
}

// maxSuggestions bounds the work on misspelt names in one policy.
const maxSuggestions = 100

func (v *validator) hint(name string, names []string, other string) string {
	if v.suggested++; v.suggested <= maxSuggestions {
		if near := didYouMean(name, names); near != "" {
			return near
		}
	}
	return other
}

// Since distinguishes deleted names from unknown ones, in the problems of a policy that
// was to replace `before`. A group or prefix list that is not found, but that `before`
// has, cannot be deleted while an interface has it or a rule names it (R46, R24). The
// receiver stays as it is.
func (ps Problems) Since(before *Policy) Problems {
	out := slices.Clone(ps)
	for i := range out {
		p := &out[i]
		gone := ""
		switch {
		case p.Code == GroupNotFound && before.Group(p.Missing) != nil:
			gone = "group"
		case p.Code == PrefixListNotFound && before.PrefixList(p.Missing) != nil:
			gone = "prefix list"
		default:
			continue
		}
		p.Code = DependencyViolation
		p.Message = fmt.Sprintf("%s %s was taken away and is still in use here", gone, quote(p.Missing))
		p.Hint = "take it out here too, or keep it"
	}
	return out
}
