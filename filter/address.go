package filter

import (
	"cmp"
	"slices"

	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/filter/packet"
	"sgfw/policy"
)

// addressSet is a set of addresses, sorted. Guests have few.
type addressSet []conntrack.Addr

// ownAddresses returns the addresses that packets of an interface are checked
// against, nil when they are not.
func ownAddresses(n *policy.Interface) addressSet {
	if !n.SourceDestCheck {
		return nil
	}
	set := make(addressSet, len(n.Addresses))
	for i, a := range n.Addresses {
		set[i] = conntrack.AddrFrom(a)
	}
	slices.SortFunc(set, compareAddr)
	return set
}

func compareAddr(a, b conntrack.Addr) int {
	return cmp.Or(cmp.Compare(a.Hi, b.Hi), cmp.Compare(a.Lo, b.Lo))
}

func (s addressSet) has(a conntrack.Addr) bool {
	_, ok := slices.BinarySearchFunc(s, a, compareAddr)
	return ok
}

// addressed reports whether a packet passes the source/destination check of the
// interface (D9): what leaves the protected machine comes from
// one of its addresses, and what enters it goes to one.
//
// Exempt are the failsafes of a machine that has no address yet, or uses its
// link-local one (DHCP from 0.0.0.0, neighbour discovery, MLD and DHCPv6 from ::
// or fe80::, and the answers to them), and what goes to a group of machines: a
// multicast or broadcast destination is the address of no single machine. That holds for failsafes
// that are switched off, too: rules may permit them.
func (t *attachmentTemplate) addressed(p *packet.Packet, d conntrack.Direction) bool {
	return t.own == nil || t.isOwn(p, d)
}

// isOwn is addressed of an interface with the check.
func (t *attachmentTemplate) isOwn(p *packet.Packet, d conntrack.Direction) bool {
	if d == conntrack.Egress {
		return t.own.has(p.Src) || (unspecified(p.Src) || linkLocal(p.Src)) &&
			FailsafeOf(p, d) != policy.NoFailsafe
	}
	return t.own.has(p.Dst) || toGroup(p.Dst) || linkLocal(p.Dst) &&
		FailsafeOf(p, d) != policy.NoFailsafe
}

// unspecified reports whether a is 0.0.0.0 or ::.
func unspecified(a conntrack.Addr) bool {
	return a == conntrack.Addr{} || a == conntrack.Addr4([4]byte{})
}

// toGroup reports whether a is a multicast address or the limited broadcast.
func toGroup(a conntrack.Addr) bool {
	if a.Is4() {
		return a.Lo&0xf0000000 == 0xe0000000 || a.Lo&0xffffffff == 0xffffffff
	}
	return a.Hi>>56 == 0xff
}

// keyOf is an address as the matcher reads it.
func keyOf(a conntrack.Addr) match.Key {
	if a.Is4() {
		return match.Key{Hi: a.Lo << 32}
	}
	return match.Key{Hi: a.Hi, Lo: a.Lo}
}
