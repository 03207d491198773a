package learn

import (
	"fmt"
	"net/netip"

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
			blocks = boundOf(blocks, d, f)
		}
	}
	return blocks
}

// boundOf is bound for one direction and family.
func boundOf(blocks []*block, d policy.Direction, f policy.Family) []*block {
	weights, total := make([]int, len(blocks)), 0
	for i, b := range blocks {
		weights[i] = b.weight(d, f)
		total += weights[i]
	}
	for total > maxRules {
		widest := 0
		for i, w := range weights {
			if w > weights[widest] {
				widest = i
			}
		}
		if weights[widest] == 1 {
			fewer := oneRange(blocks, d)
			if len(fewer) == len(blocks) {
				return blocks // thousands of protocols: the policy's own checks say so
			}
			return boundOf(fewer, d, f)
		}
		before := weights[widest]
		blocks[widest].widen(f)
		weights[widest] = blocks[widest].weight(d, f)
		total -= before - weights[widest]
	}
	return blocks
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
		into.cidrs = append(into.cidrs, b.cidrs...)
		into.say(fmt.Sprintf("All ports between those that were seen: a group has at most %d rules.",
			maxRules))
	}
	for _, b := range first {
		b.fold()
	}
	return out
}
