package filter

import (
	"cmp"
	"slices"

	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/filter/packet"
	"sgfw/policy"
	"sgfw/policy/member"
)

// addressSet is a set of addresses, sorted. Guests have few.
type addressSet []conntrack.Addr

// ownAddresses are the addresses that packets of an interface are checked against.
type ownAddresses struct {
	addrs    addressSet
	prefixes []maskedAddr
	// linkLocal: any link-local address of IPv6 is the guest's own on its link, because
	// the policy lists none.
	linkLocal bool
}

// maskedAddr is a prefix that is delegated to a guest. Guests have few.
type maskedAddr struct{ addr, mask conntrack.Addr }

// newOwnAddresses returns nil for an interface without the check.
func newOwnAddresses(n *policy.Interface) *ownAddresses {
	if !n.SourceDestCheck {
		return nil
	}
	own := &ownAddresses{linkLocal: true}
	for _, p := range n.Own() {
		a := conntrack.AddrFrom(p.Addr())
		own.linkLocal = own.linkLocal && !linkLocal(a)
		if p.IsSingleIP() {
			own.addrs = append(own.addrs, a)
			continue
		}
		bits := p.Bits()
		if a.Is4() {
			bits += 96
		}
		m := conntrack.Addr{Hi: ^uint64(0) << max(64-bits, 0), Lo: ^uint64(0) << min(128-bits, 64)}
		a.Hi, a.Lo = a.Hi&m.Hi, a.Lo&m.Lo
		own.prefixes = append(own.prefixes, maskedAddr{a, m})
	}
	slices.SortFunc(own.addrs, compareAddr)
	return own
}

// has reports whether an address is listed, or lies in a listed prefix.
func (o *ownAddresses) has(a conntrack.Addr) bool {
	if o.addrs.has(a) {
		return true
	}
	for _, p := range o.prefixes {
		if a.Hi&p.mask.Hi == p.addr.Hi && a.Lo&p.mask.Lo == p.addr.Lo {
			return true
		}
	}
	return false
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
// A guest's link-local addresses of IPv6 count between it and this machine, and never for
// what is routed. Which they are nobody can know beforehand: hosts no longer make them of
// their link-layer address (RFC 7217, RFC 8064). So any does on the guest's own link,
// unless the policy lists some.
//
// Exempt are the failsafes of a machine that has no address yet (DHCP from 0.0.0.0,
// neighbour discovery and MLD from ::), also those that are switched off, because rules may
// permit them; and what goes to a group of machines: a multicast or broadcast destination,
// that of the guest's own network included, is the address of no single machine.
func (a *Attachment) addressed(h Hook, p *packet.Packet, d conntrack.Direction) bool {
	return a.own == nil || a.isOwn(h, p, d)
}

// isOwn is addressed of an interface with the check.
func (a *Attachment) isOwn(h Hook, p *packet.Packet, d conntrack.Direction) bool {
	addr := p.Dst
	if d == conntrack.Egress {
		addr = p.Src
	}
	switch {
	case linkLocal(addr):
		return h != HookForward && (a.own.linkLocal || a.own.has(addr)) ||
			FailsafeOf(p, d) != policy.NoFailsafe
	case a.own.has(addr):
		return true
	case d == conntrack.Egress:
		return unspecified(addr) && FailsafeOf(p, d) != policy.NoFailsafe
	}
	return toGroup(addr) || a.at.broadcasts.has(addr)
}

// mayBeOwn reports whether a flow's own end may be of the guest, whatever its packets are.
func (a *Attachment) mayBeOwn(local conntrack.Addr) bool {
	return a.own == nil || a.own.has(local) || toGroup(local) || a.at.broadcasts.has(local) ||
		a.own.linkLocal && linkLocal(local)
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

// broadcasts are the addresses of a link's networks as a whole.
func broadcasts(l member.Link) addressSet {
	var set addressSet
	for _, a := range l.Broadcasts {
		set = append(set, conntrack.AddrFrom(a))
	}
	slices.SortFunc(set, compareAddr)
	return set
}
