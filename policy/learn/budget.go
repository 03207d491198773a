package learn

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"sgfw/policy"
)

// maxRules is how many rules a group has of each direction and family: as far as AWS raises
// the quota (Q6). What was seen of a busy machine may be more.
const maxRules = policy.MaxRulesPerInterface

// steps are the lengths of prefixes to which the peers of a block are widened in turn.
var steps = map[policy.Family][]int{policy.IPv4: {24, 16, 8, 0}, policy.IPv6: {64, 48, 32, 0}}

// bound widens blocks until a group holds them, and says so in each: the one with the most
// peers first; where even one peer for each is too many, ports.
func bound(blocks []*block) []*block {
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		for _, f := range []policy.Family{policy.IPv4, policy.IPv6} {
			for total(blocks, d, f) > maxRules {
				widest := slices.MaxFunc(blocks, func(a, b *block) int {
					return cmp.Compare(a.weight(d, f), b.weight(d, f))
				})
				if widest.weight(d, f) > 1 {
					widest.widen(f)
				} else {
					blocks = oneRange(blocks, d)
				}
			}
		}
	}
	return blocks
}

func total(blocks []*block, d policy.Direction, f policy.Family) (n int) {
	for _, b := range blocks {
		n += b.weight(d, f)
	}
	return n
}

// weight is how many rules of a direction and a family a block is.
func (b *block) weight(d policy.Direction, f policy.Family) int {
	if b.direction != d {
		return 0
	}
	return b.of(f)
}

// widen takes the next step that makes the CIDRs of a family fewer.
func (b *block) widen(f policy.Family) {
	before := b.of(f)
	for _, bits := range steps[f] {
		for i, c := range b.cidrs {
			if policy.FamilyOf(c) == f && c.Bits() > bits {
				b.cidrs[i] = netip.PrefixFrom(c.Addr(), bits).Masked()
			}
		}
		if b.fold(); b.of(f) < before {
			b.say(fmt.Sprintf("Widened to /%d: a group has at most %d rules.", bits, maxRules))
			return
		}
	}
}

// oneRange makes all blocks of a direction that have ports one of each protocol.
func oneRange(blocks []*block, d policy.Direction) (out []*block) {
	first := make(map[policy.Protocol]*block)
	for _, b := range blocks {
		if b.direction != d || !b.protocol.HasPorts() {
			out = append(out, b)
			continue
		}
		into := first[b.protocol]
		if into == nil {
			first[b.protocol] = b
			out = append(out, b)
			continue
		}
		into.merge(b)
		into.say(fmt.Sprintf("All ports between those that were seen: a group has at most %d rules.",
			maxRules))
	}
	return out
}
