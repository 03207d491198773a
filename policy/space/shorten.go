package space

import (
	"maps"

	"sgfw/policy"
)

// Shortened says what became of the rules of one direction of a group.
type Shortened struct {
	Group     string
	Direction policy.Direction
	// Before and After count rules.
	Before, After int
	// Proved is true if no fewer rules would do, see [Reading.Minimal].
	Proved bool
}

// Shorten returns the policy with as few rules in each group as were found, and what became
// of those of which there are fewer, or for which nothing is proved. It shares with p what
// stays the same.
func Shorten(p *policy.Policy) (*policy.Policy, []Shortened) {
	short, reading := *p, ReadNames(p)
	short.Groups = make([]policy.Group, len(p.Groups))
	var said []Shortened
	for i, g := range p.Groups {
		for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
			rules, proved := reading.Minimal(g.Rules(d))
			s := Shortened{g.Name, d, len(g.Rules(d)), len(rules), proved}
			if s.After < s.Before {
				rules = inBlocks(rules)
			}
			if s.After < s.Before || !proved {
				said = append(said, s)
			}
			if d == policy.Ingress {
				g.Ingress = rules
			} else {
				g.Egress = rules
			}
		}
		short.Groups[i] = g
	}
	return &short, said
}

// inBlocks moves rules together that differ by their peers alone, so that they become one
// block of the policy file.
func inBlocks(rules []policy.Rule) (out []policy.Rule) {
	for block := 0; len(rules) > 0; block++ {
		first := rules[0]
		rest := make([]policy.Rule, 0, len(rules))
		for _, r := range rules {
			if sameBlock(&first, &r) {
				r.Index, r.Pos = block, first.Pos
				out = append(out, r)
			} else {
				rest = append(rest, r)
			}
		}
		rules = rest
	}
	return out
}

func sameBlock(a, b *policy.Rule) bool {
	return a.Protocol == b.Protocol && a.From == b.From && a.To == b.To &&
		maps.Equal(a.Tags, b.Tags) && ofBlock(a) == ofBlock(b)
}

// ofBlock is the description that a rule has of its block.
func ofBlock(r *policy.Rule) string {
	if r.Peer.Described {
		return ""
	}
	return r.Description
}
