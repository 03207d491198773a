package compare

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"sgfw/policy"
	"sgfw/policy/space"
)

// rename finds groups that are in one policy alone and mean the same as one that is in the
// other alone: those first that have the same rules, then those that permit the same.
func (c *comparison) rename() {
	c.renamed = make(map[string]string)
	for _, says := range []func(*side, *policy.Group) []fact{byRules, byMeaning} {
		c.pair(says)
		// What was found by hashes is tried. What is not the same after all is another group,
		// and so may be what refers to it.
		for {
			c.before.reading = c.before.reading.Renaming(c.renamed)
			clear(c.differs)
			wrong := slices.DeleteFunc(slices.Sorted(maps.Keys(c.renamed)), func(name string) bool {
				return c.same([]string{name}, []string{c.renamed[name]})
			})
			if len(wrong) == 0 {
				break
			}
			for _, name := range wrong {
				delete(c.renamed, name)
			}
		}
	}
}

// maxRounds bounds how far apart groups may be that tell others apart.
const maxRounds = 16

// pair pairs groups of the same shape. Groups refer to each other: shapes are refined, round
// by round, until no more come apart.
func (c *comparison) pair(says func(*side, *policy.Group) []fact) {
	taken := make(map[string]bool, len(c.renamed))
	for _, name := range c.renamed {
		taken[name] = true
	}
	gone := alone(&c.before, &c.after, func(name string) bool { return c.renamed[name] != "" })
	new := alone(&c.after, &c.before, func(name string) bool { return taken[name] })
	if len(gone) == 0 || len(new) == 0 {
		return
	}
	seed := maphash.MakeSeed()
	before, after := newShapes(&c.before, gone, seed, says), newShapes(&c.after, new, seed, says)
	for round, known := 0, 0; round < maxRounds; round++ {
		before.refine()
		after.refine()
		n := before.distinct() + after.distinct()
		if n <= known {
			break
		}
		known = n
	}
	free := make(map[uint64][]string)
	for _, name := range new {
		free[after.of[name]] = append(free[after.of[name]], name)
	}
	for _, name := range gone {
		if same := free[before.of[name]]; len(same) > 0 {
			c.renamed[name], free[before.of[name]] = same[0], same[1:]
		}
	}
}

// alone are the groups that the other policy has none of the name of, that have not been
// found, and that permit something: those that do not are all the same.
func alone(s, other *side, found func(string) bool) (names []string) {
	for name, g := range s.index {
		if other.index[name] == nil && len(g.Ingress)+len(g.Egress) > 0 && !found(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// fact is something that a group permits: a hash of it, without the groups that it names.
type fact struct {
	hash   uint64
	groups []string
}

// byRules are the facts of the group's rules as they are written.
func byRules(_ *side, g *policy.Group) (out []fact) {
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		rules := g.Rules(d)
		for i := range rules {
			id, f := rules[i].ID(), fact{}
			if id.Kind == policy.PeerGroup {
				f.groups, id.Name = []string{id.Name}, ""
			}
			f.hash = maphash.Comparable(factSeed, struct {
				policy.Direction
				policy.RuleID
			}{d, id})
			out = append(out, f)
		}
	}
	return out
}

// byMeaning are the facts of the sets of what the group permits.
func byMeaning(s *side, g *policy.Group) (out []fact) {
	for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
		for span, peers := range s.reading.Groups(d, g).All() {
			var f fact
			var lists []space.Atom
			for _, a := range peers.Atoms() {
				if a.Kind == policy.PeerGroup {
					f.groups = append(f.groups, a.Name)
				} else {
					lists = append(lists, a)
				}
			}
			f.hash = maphash.String(factSeed, fmt.Sprintln(d, span, peers.CIDRs(), lists))
			out = append(out, f)
		}
	}
	return out
}

// factSeed is that of facts, which are compared within one process.
var factSeed = maphash.MakeSeed()

// shapes are what groups permit, apart from their names.
type shapes struct {
	facts map[string][]fact
	of    map[string]uint64 // of the groups that the other policy does not have
	seed  maphash.Seed
}

func newShapes(s *side, names []string, seed maphash.Seed,
	says func(*side, *policy.Group) []fact) *shapes {
	x := &shapes{facts: make(map[string][]fact, len(names)), of: make(map[string]uint64, len(names)),
		seed: seed}
	for _, name := range names {
		x.facts[name], x.of[name] = says(s, s.index[name]), 1
	}
	return x
}

// refine works out the shapes anew from those of the groups that each one refers to.
func (x *shapes) refine() {
	next := make(map[string]uint64, len(x.of))
	for name, facts := range x.facts {
		sum := uint64(0) // in any order
		for _, f := range facts {
			of := make([]uint64, 0, len(f.groups)+1)
			for _, group := range f.groups {
				shape, theirs := x.of[group]
				switch {
				case group == name:
					shape = 0
				case !theirs:
					shape = maphash.String(x.seed, group)
				}
				of = append(of, shape)
			}
			slices.Sort(of)
			var b []byte
			for _, n := range append(of, f.hash) {
				b = binary.LittleEndian.AppendUint64(b, n)
			}
			sum += maphash.Bytes(x.seed, b)
		}
		next[name] = sum
	}
	x.of = next
}

// distinct counts the shapes that there are.
func (x *shapes) distinct() int {
	seen := make(map[uint64]bool)
	for _, shape := range x.of {
		seen[shape] = true
	}
	return len(seen)
}
