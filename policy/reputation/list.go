// Package reputation is lists of addresses with a bad name, as FireHOL and Spamhaus publish
// them, and which of their entries an address range has in common with them.
package reputation

import (
	"net/netip"
	"slices"
	"sort"

	"sgfw/policy"
)

// List is a block list. It is immutable.
type List struct {
	// Name is that of the file.
	Name string
	// Title is what the list calls itself, and Date when it was made, both as its header says
	// it; empty where it has none.
	Title, Date string

	entries []Entry // in order of address, the wider first
	at      map[netip.Prefix]int
	lengths [2][]int // of IPv4 and IPv6, ascending
}

// Entry is one network or address of a list.
type Entry struct {
	CIDR netip.Prefix
	// Note is what the list says of it, such as SBL123.
	Note string
	Line int
}

// New returns a list of entries that come from no file.
func New(name, title, date string, entries []Entry) *List {
	l := &List{Name: name, Title: title, Date: date, entries: slices.Clone(entries)}
	l.finish()
	return l
}

// Len is the number of entries.
func (l *List) Len() int { return len(l.entries) }

// finish makes the list ready to be asked.
func (l *List) finish() {
	slices.SortFunc(l.entries, func(a, b Entry) int { return a.CIDR.Compare(b.CIDR) })
	l.entries = slices.CompactFunc(l.entries, func(a, b Entry) bool { return a.CIDR == b.CIDR })
	l.at = make(map[netip.Prefix]int, len(l.entries))
	for i, e := range l.entries {
		l.at[e.CIDR] = i
		f := family(e.CIDR)
		if !slices.Contains(l.lengths[f], e.CIDR.Bits()) {
			l.lengths[f] = append(l.lengths[f], e.CIDR.Bits())
		}
	}
	for f := range l.lengths {
		slices.Sort(l.lengths[f])
	}
}

// family is 0 for IPv4 and 1 for IPv6.
func family(c netip.Prefix) int {
	if policy.FamilyOf(c) == policy.IPv4 {
		return 0
	}
	return 1
}

// Overlapping returns the entries that have addresses of a CIDR in canonical form: those that
// it is in, the widest first, then those that are in it. The caller must not change them.
func (l *List) Overlapping(c netip.Prefix) (around, within []Entry) {
	for _, n := range l.lengths[family(c)] {
		if n >= c.Bits() {
			break
		}
		if i, ok := l.at[netip.PrefixFrom(c.Addr(), n).Masked()]; ok {
			around = append(around, l.entries[i])
		}
	}
	lo, _ := slices.BinarySearchFunc(l.entries, c, func(e Entry, c netip.Prefix) int {
		return e.CIDR.Compare(c)
	})
	rest := l.entries[lo:]
	n := sort.Search(len(rest), func(i int) bool { return !c.Contains(rest[i].CIDR.Addr()) })
	return around, rest[:n]
}
