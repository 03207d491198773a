package convert

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"sgfw/policy"
)

// missing makes lists for peers that are not there.
func (d *Draft) missing() {
	for i := range d.groups {
		for _, rules := range [][]policy.Rule{d.groups[i].Ingress, d.groups[i].Egress} {
			for j := range rules {
				peer := &rules[j].Peer
				switch {
				case peer.Kind == policy.PeerGroup && !d.HasGroup(peer.Name):
					peer.Kind = policy.PeerPrefixList
					d.Absent(peer.Name, rules[j].Pos, peer.Name, "the group is not here")
				case peer.Kind == policy.PeerPrefixList && !d.HasList(peer.Name):
					d.Absent(peer.Name, rules[j].Pos, peer.Name, "the prefix list is not here")
				}
			}
		}
	}
}

// absentFile begins the position of what is not in the sources, and the key goes on.
const absentFile = "not in the sources: "

// AbsentKey is the key of a list that [Draft.Absent] made, by the position that it has in the
// policy, and whether it is one.
func AbsentKey(pos policy.Pos) (key string, is bool) {
	return strings.CutPrefix(pos.File, absentFile)
}

// Absent adds a prefix list in place of a group or a list that the rule at pos refers to and
// that the sources do not have: with the entries that the user gave for key or name, else empty
// and with a notice of why. Without name it is called by its key. Peers that name it may be
// of either kind.
func (d *Draft) Absent(key string, pos policy.Pos, name, why string) {
	if d.HasList(key) {
		return
	}
	entries := d.given[key]
	if len(entries) == 0 {
		entries = d.given[name]
	}
	l := policy.PrefixList{Name: cmp.Or(name, key), Entries: entries,
		Pos: policy.Pos{File: absentFile + key}}
	d.List(key, l)
	if len(l.Entries) > 0 {
		return
	}
	d.found.Add(policy.Problem{Pos: pos, Severity: policy.SeverityNotice,
		Message: fmt.Sprintf("%s: %s, so rules that name it match nothing", l.Name, why),
		Hint:    "give its CIDRs: --prefix-list " + key + "=FILE"})
	d.comments.Add(l.Pos, "%s: %s. It matches nothing until it has entries.", key, why)
}

// nameLists makes the prefix lists, one for each family.
func (d *Draft) nameLists(p *policy.Policy) {
	taken := names{}
	for i := range d.lists {
		l := &d.lists[i]
		v4, v6 := split(l.Entries)
		switch {
		case len(v4) > 0 && len(v6) > 0:
			for j, entries := range [][]policy.PrefixEntry{v4, v6} {
				part := l.PrefixList
				part.Name = taken.unique(part.Name+[]string{"", "-ipv6"}[j], "")
				part.Entries, part.MaxEntries, part.Family = entries, len(entries), 0
				if j > 0 {
					part.Pos = policy.Pos{} // comments stand above the first
				}
				part.Family, _ = part.FamilyOf()
				l.names = append(l.names, part.Name)
				p.PrefixLists = append(p.PrefixLists, part)
			}
			continue
		default:
			part := l.PrefixList
			part.Name = taken.unique(part.Name, "")
			part.MaxEntries = max(part.MaxEntries, len(part.Entries))
			part.Family, _ = part.FamilyOf()
			l.names = []string{part.Name}
			p.PrefixLists = append(p.PrefixLists, part)
		}
	}
}

// split parts entries by their family, each CIDR once.
func split(entries []policy.PrefixEntry) (v4, v6 []policy.PrefixEntry) {
	seen := make(map[netip.Prefix]bool, len(entries))
	for _, e := range entries {
		switch {
		case seen[e.CIDR]:
		case policy.FamilyOf(e.CIDR) == policy.IPv4:
			v4 = append(v4, e)
		default:
			v6 = append(v6, e)
		}
		seen[e.CIDR] = true
	}
	return v4, v6
}
