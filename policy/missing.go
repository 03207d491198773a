package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// knownGroup reports a reference to a group that does not exist (R32), and whether there
// is none.
func (v *validator) knownGroup(pos Pos, field, name string) bool {
	if v.groups[name] {
		return true
	}
	if GroupID.Meant(name) {
		if bad := GroupID.Check(name); bad != nil {
			bad.Field, bad.Hint = field, "groups go by name here, not by ID"
			v.report(pos, bad)
			return false
		}
	}
	other := "name it under security_groups"
	if strings.HasPrefix(name, "sg-") || strings.Contains(name, "/sg-") {
		other = "groups go by name here, not by ID"
	} else if _, err := netip.ParsePrefix(name); err == nil {
		other = "CIDRs go under cidr_blocks or ipv6_cidr_blocks"
	}
	v.missing(pos, field, GroupNotFound, name, "group", v.hint(name, v.groupNames, other))
	return false
}

// holder says what is known of the members of a group.
type holder uint8

const (
	heldByNobody holder = iota
	// heldUnaddressed: by guests alone whose addresses the policy does not know.
	heldUnaddressed
	heldAddressed
)

// held returns who has each group, and which groups judge anything here.
func held(p *Policy) (members map[string]holder, judging map[string]bool) {
	members, judging = make(map[string]holder), make(map[string]bool)
	for i := range p.Interfaces {
		n := &p.Interfaces[i]
		by := heldAddressed
		if n.Mode == ModeGuest && !n.Listed() {
			by = heldUnaddressed
		}
		for _, g := range n.Groups {
			members[g], judging[g] = max(members[g], by), true
		}
	}
	for i := range p.Remotes {
		for _, g := range p.Remotes[i].Groups {
			members[g] = heldAddressed
		}
	}
	return members, judging
}

// members warns of a rule that stands for the members of a group without any (R33). Rules
// of a group that judges nothing here are left alone: several machines may share them.
func (v *validator) members(pos Pos, g *Group, r *Rule) {
	if !v.judging[g.Name] || v.found.Full(SeverityWarning) {
		return
	}
	switch name := r.Peer.Name; v.held[name] {
	case heldByNobody:
		v.found.Add(Problem{Pos: pos, Severity: SeverityWarning,
			Message: fmt.Sprintf("no interface and no peer has group %s: the rule matches nothing",
				Quote(name)),
			Hint: "attach the group under interfaces, or list the machines that have it under peers"})
	case heldUnaddressed:
		v.found.Add(Problem{Pos: pos, Severity: SeverityWarning,
			Message: fmt.Sprintf("only guests without addresses have group %s: the rule matches nothing",
				Quote(name)),
			Hint: "list the addresses of the guests under interfaces"})
	}
}

// missing reports a reference to something that does not exist.
func (v *validator) missing(pos Pos, field string, code Code, name, kind, hint string) {
	if !v.found.Full(SeverityError) {
		v.found.Add(Problem{Pos: pos, Field: field, Code: code, Missing: name, Hint: hint,
			Message: fmt.Sprintf("no %s is called %s", kind, Quote(name))})
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
		case p.Code == NetworkACLNotFound && before.NetworkACL(p.Missing) != nil:
			gone = "network ACL"
		default:
			continue
		}
		p.Code = DependencyViolation
		p.Message = fmt.Sprintf("%s %s was taken away and is still in use here", gone, Quote(p.Missing))
		p.Hint = "take it out here too, or keep it"
	}
	return out
}
