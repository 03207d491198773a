package space

import (
	"net/netip"
	"strings"

	"sgfw/policy"
)

// phrase is how a person says addresses: a CIDR, but for some.
type phrase struct {
	cidr netip.Prefix
	but  []netip.Prefix
}

// size counts CIDRs.
func size(list []phrase) (n int) {
	for _, p := range list {
		n += 1 + len(p.but)
	}
	return n
}

// phrases says the addresses of a family with few CIDRs.
func (l addresses) phrases(f policy.Family) []phrase { return l.inBlock(f, key{}, 0) }

// inBlock says the addresses, all of which are in the CIDR of n bits at a key, which they
// may be with some exceptions, or in its halves.
func (l addresses) inBlock(f policy.Family, at key, n int) []phrase {
	block := addressRange{at, at.or(tail(n))}
	switch {
	case len(l) == 0:
		return nil
	case l[0] == block:
		return []phrase{{cidr: at.prefix(f, n)}}
	}
	middle := at.or(bit(n))
	left := l.intersect(addresses{{at, middle.previous()}})
	right := l.intersect(addresses{{middle, block.hi}})
	halves := append(left.inBlock(f, at, n+1), right.inBlock(f, middle, n+1)...)
	if len(left) == 0 || len(right) == 0 || size(halves) < 3 {
		return halves
	}
	whole := phrase{at.prefix(f, n), addresses{block}.minus(l).prefixes(f)}
	if 1+len(whole.but) < size(halves) {
		return []phrase{whole}
	}
	return halves
}

// Whose are the peers of a line in words: "10.0.0.0/8, group web", or
// "0.0.0.0/0 but 10.0.0.0/8 and 192.0.2.0/24" where that is shorter than all CIDRs.
func (l *Line) Whose() string {
	var out []string
	for _, f := range []policy.Family{policy.IPv4, policy.IPv6} {
		for _, p := range l.peers.of(f).phrases(f) {
			text := p.cidr.String()
			if len(p.but) > 0 {
				var but []string
				for _, b := range p.but {
					but = append(but, b.String())
				}
				text += " but " + strings.Join(but, " and ")
			}
			out = append(out, text)
		}
	}
	return strings.Join(append(out, l.names...), ", ")
}
