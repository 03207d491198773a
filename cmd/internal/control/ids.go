package control

import (
	"strings"

	"sgfw/policy"
)

// InterfaceID is the ID of an interface of the policy, "" for a pattern: each device
// that it covers has its own.
func InterfaceID(p *policy.Policy, device string) string {
	if strings.HasSuffix(device, "*") {
		return ""
	}
	return p.IDs.Interface(device)
}

// PrefixLists lists the prefix lists of a policy.
func PrefixLists(p *policy.Policy) []PrefixListStatus {
	out := []PrefixListStatus{}
	for i := range p.PrefixLists {
		l := &p.PrefixLists[i]
		out = append(out, PrefixListStatus{Name: l.Name, ID: p.IDs.PrefixList(l.Name), Entries: len(l.Entries), MaxEntries: l.MaxEntries})
	}
	return out
}
