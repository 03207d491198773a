package policy

import "net/netip"

// PrefixList is a named set of CIDRs of one family (R22).
type PrefixList struct {
	Name string
	// Family is that of the entries; the zero value where neither they nor the file tell.
	Family Family
	// MaxEntries is what the list costs in quotas (Q3); the number of entries
	// when the file does not say.
	MaxEntries int
	Entries    []PrefixEntry
	Pos        Pos
}

// PrefixEntry is one CIDR of a prefix list, in canonical form.
type PrefixEntry struct {
	CIDR        netip.Prefix
	Description string
	Pos         Pos
}

// FamilyOf returns the family of the list, by Family or by its entries. It is false while
// the list has none and could become either.
func (l *PrefixList) FamilyOf() (f Family, known bool) {
	if l.Family == 0 && len(l.Entries) > 0 && l.Entries[0].CIDR.IsValid() {
		return FamilyOf(l.Entries[0].CIDR), true
	}
	return l.Family, l.Family != 0
}

// families reports which families the list may hold: its own, or both while that is not
// known.
func (l *PrefixList) families() (v4, v6 bool) {
	f, known := l.FamilyOf()
	return !known || f == IPv4, !known || f == IPv6
}
