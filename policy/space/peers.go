package space

import (
	"cmp"
	"net/netip"
	"slices"

	"sgfw/policy"
)

// Atom stands for addresses of one family that are not known: those of the members of a
// group, or the entries of a prefix list, where the list is what it is called.
// Every address is in 0.0.0.0/0 or ::/0, so those hold every atom of their family; nothing
// else is known about an atom. It is comparable.
type Atom struct {
	// Kind is policy.PeerGroup or policy.PeerPrefixList.
	Kind   policy.PeerKind
	Name   string
	Family policy.Family
}

func (a Atom) compare(b Atom) int {
	return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Name, b.Name))
}

// Peers is a set of peers. The zero value is empty.
type Peers struct {
	v4, v6 addresses
	atoms  []Atom // in order; none of a family that is there as a whole
}

// PeersOf returns the peers that have an address in one of the CIDRs.
func PeersOf(cidrs ...netip.Prefix) Peers {
	var v4, v6 []addressRange
	for _, c := range cidrs {
		if policy.FamilyOf(c) == policy.IPv4 {
			v4 = append(v4, rangeOf(c))
		} else {
			v6 = append(v6, rangeOf(c))
		}
	}
	return Peers{v4: collect(v4), v6: collect(v6)}
}

// unknown returns the peers of atoms.
func unknown(atoms ...Atom) Peers {
	slices.SortFunc(atoms, Atom.compare)
	return Peers{atoms: slices.Compact(atoms)}
}

// Empty reports whether there is no peer.
func (p Peers) Empty() bool { return len(p.v4)+len(p.v6)+len(p.atoms) == 0 }

// Equal reports whether both are the same peers.
func (p Peers) Equal(o Peers) bool {
	return slices.Equal(p.v4, o.v4) && slices.Equal(p.v6, o.v6) && slices.Equal(p.atoms, o.atoms)
}

// every reports whether all addresses of a family are there.
func (p Peers) every(f policy.Family) bool { return p.of(f).every() }

func (p Peers) of(f policy.Family) addresses {
	if f == policy.IPv4 {
		return p.v4
	}
	return p.v6
}

// Union returns the peers of either.
func (p Peers) Union(o Peers) Peers {
	switch {
	case p.Empty():
		return o
	case o.Empty():
		return p
	}
	out := Peers{v4: p.v4.union(o.v4), v6: p.v6.union(o.v6)}
	out.atoms = out.without(slices.Concat(p.atoms, o.atoms))
	return out
}

// without sorts atoms, leaves out those that every address of the family has in it, and
// takes each once.
func (p Peers) without(atoms []Atom) []Atom {
	if p.v4.every() || p.v6.every() {
		atoms = slices.DeleteFunc(atoms, func(a Atom) bool { return p.every(a.Family) })
	}
	if len(atoms) == 0 {
		return nil
	}
	slices.SortFunc(atoms, Atom.compare)
	return slices.Compact(atoms)
}

// has reports whether an atom is among the peers, by itself or as any address.
func (p Peers) has(a Atom) bool {
	if p.every(a.Family) {
		return true
	}
	_, there := slices.BinarySearchFunc(p.atoms, a, Atom.compare)
	return there
}

// Intersect returns the peers that are in both. Of an atom and a part of the addresses
// nothing is known to be.
func (p Peers) Intersect(o Peers) Peers {
	out := Peers{v4: p.v4.intersect(o.v4), v6: p.v6.intersect(o.v6)}
	var atoms []Atom
	for _, a := range p.atoms {
		if o.has(a) {
			atoms = append(atoms, a)
		}
	}
	for _, a := range o.atoms {
		if p.has(a) {
			atoms = append(atoms, a)
		}
	}
	out.atoms = out.without(atoms)
	return out
}

// Minus returns the peers that are not in o. An atom stays unless it is in o by its name,
// or by every address. Every address less some, or less an atom, is what addresses are left:
// nobody knows which of them belong to an atom.
func (p Peers) Minus(o Peers) Peers {
	if o.Empty() {
		return p
	}
	out := Peers{v4: p.v4.minus(o.v4), v6: p.v6.minus(o.v6)}
	for _, a := range p.atoms {
		if !o.has(a) {
			out.atoms = append(out.atoms, a)
		}
	}
	return out
}

// Covers reports whether all of o are in p.
func (p Peers) Covers(o Peers) bool { return o.Minus(p).Empty() }

// Only returns the peers of one family.
func (p Peers) Only(f policy.Family) Peers {
	out := Peers{}
	if f == policy.IPv4 {
		out.v4 = p.v4
	} else {
		out.v6 = p.v6
	}
	for _, a := range p.atoms {
		if a.Family == f {
			out.atoms = append(out.atoms, a)
		}
	}
	return out
}

// CIDRs returns the fewest CIDRs that have the same addresses, IPv4 first. Atoms have none.
func (p Peers) CIDRs() []netip.Prefix {
	return append(p.v4.prefixes(policy.IPv4), p.v6.prefixes(policy.IPv6)...)
}

// CountCIDRs returns how many [Peers.CIDRs] returns, without making them.
func (p Peers) CountCIDRs() (n int) {
	for _, l := range []addresses{p.v4, p.v6} {
		l.blocks(func(key, int) { n++ })
	}
	return n
}

// Atoms returns the atoms, those of IPv4 first.
func (p Peers) Atoms() []Atom { return slices.Clone(p.atoms) }

// Contains reports whether an address is there; an IPv4-mapped one is one of IPv6.
func (p Peers) Contains(a netip.Addr) bool {
	k, l := keyOf(a), p.v6
	if a.Is4() {
		l = p.v4
	}
	i, there := slices.BinarySearchFunc(l, k, func(r addressRange, k key) int {
		return r.lo.compare(k)
	})
	return there || i > 0 && !l[i-1].hi.less(k)
}

// Share returns which part of the addresses of a family is there, 0 to 1.
func (p Peers) Share(f policy.Family) float64 { return p.of(f).share() }

// ShareOf returns which part of a whole is there, by addresses of a family, 0 to 1; 0 for a
// whole that has none. The whole may be [Internet].
func (p Peers) ShareOf(all Peers, f policy.Family) float64 {
	if len(all.of(f)) == 0 {
		return 0
	}
	return p.of(f).intersect(all.of(f)).share() / all.of(f).share()
}
