// Package member works out who is in which security group: the addresses that
// a group peer of a rule stands for (aws-semantics R27, R31). It is pure; live
// addresses come in as values.
package member

import "net/netip"

// Facts are what is true of this machine now.
type Facts struct {
	// Links are the machine's devices with their current addresses
	// (no link-local, tentative or host-scope ones).
	Links []Link
}

// Link is one device of the machine.
type Link struct {
	Name      string
	Index     uint32
	Addresses []netip.Addr
}

// Membership says which addresses each group stands for. It is immutable.
type Membership struct {
	byGroup map[string][]netip.Addr
}

// Addresses returns the member addresses of a group, sorted, without
// duplicates; the caller must not change them. An unknown group has none: it
// matches nothing (R33). A nil Membership has no members.
func (m *Membership) Addresses(group string) []netip.Addr {
	if m == nil {
		return nil
	}
	return m.byGroup[group]
}
