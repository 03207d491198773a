package awsjson

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"sgfw/policy"
)

// reference is how a rule speaks of a group or a list, the first that does.
type reference struct {
	list bool
	pos  policy.Pos

	name, user, vpc, peering, status string
}

// refer notes that a rule names a part.
func (i *importer) refer(id string, r reference) {
	if r.list {
		i.listOf(id, r.pos)
	}
	if i.references[id] == nil {
		i.references[id] = &r
		i.referred = append(i.referred, id)
	}
}

// placeForeign gives the draft a list in place of each group that rules name and that is
// not here: of the CIDRs that the user gave, or the addresses of its members.
func (i *importer) placeForeign() {
	own := i.ownAccounts()
	for _, id := range i.referred {
		r := i.references[id]
		if r.list || i.groups[id] != nil {
			continue
		}
		name := cmp.Or(r.name, i.names[id], id)
		if r.user != "" && !own[r.user] && name == id {
			name = r.user + "/" + id
		}
		if entries := i.addressesOf(id); i.given[id] == nil && len(entries) > 0 {
			l := policy.PrefixList{Name: name, Entries: entries,
				Pos: policy.Pos{File: "not in the sources: " + id}}
			i.List(id, l)
			i.Comment(l.Pos, "%s: the group is not here, these are the addresses of its interfaces", id)
			continue
		}
		i.Absent(id, r.pos, name, r.why(own))
	}
}

// why says why a group is not here.
func (r *reference) why(own map[string]bool) string {
	why := "the group is not here"
	if r.user != "" && !own[r.user] {
		why = "the group is of account " + r.user
	}
	if r.vpc != "" {
		why += ", in " + r.vpc
	}
	if r.peering != "" {
		why += ", over " + r.peering
	}
	if r.status != "" && r.status != "active" {
		why += fmt.Sprintf(" (%s)", r.status)
	}
	return why
}

// ownAccounts are those whose groups are here.
func (i *importer) ownAccounts() map[string]bool {
	own := map[string]bool{}
	for _, g := range i.groups {
		own[g.owner] = true
	}
	return own
}

// unusedLists gives a notice of CIDRs that the user gave and nothing refers to.
func (i *importer) unusedLists() {
	names := map[string]bool{}
	for id, l := range i.lists {
		names[id], names[l.Name] = true, true
	}
	for _, key := range slices.Sorted(maps.Keys(i.given)) {
		if !names[key] && i.references[key] == nil {
			i.Add(policy.Pos{}, &policy.Problem{Severity: policy.SeverityNotice,
				Message: "--prefix-list " + key + ": no rule names it",
				Hint:    "its ID, such as pl-63a5400a, or its name"})
		}
	}
}
