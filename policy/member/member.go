// Package member is group membership: which addresses a group peer of a rule stands for
// (R27, R31). It looks nothing up; live addresses come in as values.
package member

import (
	"iter"
	"maps"
	"net/netip"
	"slices"

	"sgfw/policy"
)

// Facts are what is true of this machine now.
type Facts struct {
	// Links are the machine's devices with their current addresses
	// (no link-local, tentative or host-scope ones).
	Links []Link
}

// Link is one device of the machine.
type Link struct {
	Name string
	// Altnames are its other names, sorted: a policy may call it by any of them.
	Altnames  []string
	Index     uint32
	Addresses []netip.Addr
	// Primary is the IPv4 address that the kernel lists first, invalid without one.
	Primary netip.Addr
	// Broadcasts are the IPv4 addresses that stand for all machines of one of its
	// networks (directed broadcast).
	Broadcasts []netip.Addr
	// Hardware is true for what is no program's making, such as a network card.
	Hardware bool
	// Enslaved is true for what belongs to another device, such as a port of a bridge: its
	// packets appear there.
	Enslaved bool
}

// Broadcast is the last address of an IPv4 network, given by any address with its length.
// It panics for one of IPv6.
func Broadcast(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(b)
}

// Master is what other devices belong to, such as a bridge, a bond or a VRF.
type Master struct {
	// Name is its device name.
	Name string
	// Kind is its link kind as the kernel names it: bridge, bond, team, vrf, openvswitch.
	Kind string
}

// Named returns the device that has the name or altname. It is false when none has.
func (f Facts) Named(name string) (Link, bool) {
	i := slices.IndexFunc(f.Links, func(l Link) bool {
		return l.Name == name || slices.Contains(l.Altnames, name)
	})
	if i < 0 {
		return Link{}, false
	}
	return f.Links[i], true
}

// Membership says which addresses each group stands for. It is immutable.
type Membership struct {
	byGroup map[string][]netip.Prefix
}

// Resolve works out the members of every group: the addresses of the interfaces
// that have it, here and on other machines, of both families, primary and
// secondary alike (R31), and the prefixes that are delegated to them. An interface that
// names its addresses has those; a host interface that does not has the live ones of the
// links that it governs.
// Link-local and other addresses that mean nothing elsewhere are no members.
// Membership is not transitive and copies no rules (R27).
func Resolve(p *policy.Policy, f Facts) *Membership {
	m := &Membership{byGroup: make(map[string][]netip.Prefix)}
	for i := range p.Interfaces {
		m.add(p.Interfaces[i].Groups, p.Interfaces[i].Own()...)
	}
	devices := p.Devices()
	for _, link := range f.Links {
		i, ok := devices.Match(link.Name, link.Altnames...)
		if !ok {
			continue
		}
		// Live addresses of a guest's device are the host's, not the guest's.
		if n := &p.Interfaces[i]; n.Mode == policy.ModeHost && !n.Listed() {
			for _, a := range link.Addresses {
				m.add(n.Groups, netip.PrefixFrom(a, a.BitLen()))
			}
		}
	}
	for i := range p.Remotes {
		m.add(p.Remotes[i].Groups, p.Remotes[i].Own()...)
	}
	for group, members := range m.byGroup {
		slices.SortFunc(members, netip.Prefix.Compare)
		m.byGroup[group] = slices.Compact(members)
	}
	return m
}

func (m *Membership) add(groups []string, own ...netip.Prefix) {
	for _, p := range own {
		a := p.Addr().Unmap()
		if !a.IsGlobalUnicast() || p.Addr().Zone() != "" {
			continue
		}
		if p.IsSingleIP() {
			p = netip.PrefixFrom(a, a.BitLen())
		}
		for _, g := range groups {
			m.byGroup[g] = append(m.byGroup[g], p)
		}
	}
}

// Addresses returns the members of a group, sorted, without duplicates; an address
// is a prefix of its whole length. The caller must not change them. An unknown group
// has none: it matches nothing (R33). A nil Membership has no members.
func (m *Membership) Addresses(group string) []netip.Prefix {
	if m == nil {
		return nil
	}
	return m.byGroup[group]
}

// All yields the groups that have members, in order of name, with the members.
// A nil Membership yields nothing.
func (m *Membership) All() iter.Seq2[string, []netip.Prefix] {
	return func(yield func(string, []netip.Prefix) bool) {
		if m == nil {
			return
		}
		for _, group := range slices.Sorted(maps.Keys(m.byGroup)) {
			if !yield(group, m.byGroup[group]) {
				return
			}
		}
	}
}

// Equal reports whether every group has the same members in both. Nil and empty
// are equal.
func (m *Membership) Equal(o *Membership) bool {
	if m == nil || o == nil {
		return (m == nil || len(m.byGroup) == 0) && (o == nil || len(o.byGroup) == 0)
	}
	return maps.EqualFunc(m.byGroup, o.byGroup, slices.Equal)
}
