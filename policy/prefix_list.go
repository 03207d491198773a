package policy

import "net/netip"

// PrefixList is a named set of CIDRs of one family (R22).
type PrefixList struct {
	Name string
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

// families reports which families the list may hold: that of its entries, or
// both while it is empty and could become either.
func (l *PrefixList) families() (v4, v6 bool) {
	if len(l.Entries) == 0 {
		return true, true
	}
	v4 = l.Entries[0].CIDR.Addr().Is4()
	return v4, !v4
}
