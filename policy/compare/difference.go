package compare

import (
	"slices"

	"sgfw/policy"
	"sgfw/policy/member"
	"sgfw/policy/space"
)

// Difference is what is different between an old and a new policy. Where a part is not
// listed the same may pass.
type Difference struct {
	// ByName is true if groups that rules name were compared by their names alone: one of the
	// policies has neither interfaces nor peers, and says of nobody to be a member.
	ByName bool
	// Groups are in order of name.
	Groups []Part
	// Interfaces are in order of device; none unless both policies have some.
	Interfaces []Part
	// Settings are what decides on packets beside rules, such as "icmp_errors related →
	// rules"; none unless both policies have interfaces.
	Settings []string
	// LeftOut are the keys that one of the policies does not say, and that would be
	// different else, in the order of [BesideRules].
	LeftOut []string
}

// BesideRules are the keys of interfaces, then of settings, that decide on packets.
func BesideRules() []string {
	return []string{"mode", "view", "network_acl", "source_dest_check", "tracking", "icmp_errors",
		"exempt",
		"failsafe"}
}

// Part is a group, or a device, that permits something else than before.
type Part struct {
	// Name is that of the group or the device. Was is the name that the group had, if it has
	// another one now.
	Name, Was string
	// Op says whether the part is new, gone, or was there before.
	Op policy.Op
	// Opened is what may pass now and could not before, Closed the reverse, by direction.
	Opened, Closed [2]space.Set
	// Allowed is what the network ACL of a device lets pass now and would have denied before,
	// Denied the reverse, by direction: for groups to permit, and for answers, which need it
	// as well.
	Allowed, Denied [2]space.Set
	// Ungoverned is true for a device that only one of the policies governs: everything
	// passes where none does.
	Ungoverned bool
	// Other is what decides on packets of a device beside rules, such as "mode host → guest".
	Other []string
}

// Opens reports whether something may pass that could not before, or may be able to.
func (p *Part) Opens() bool {
	return something(p.Opened) || something(p.Allowed) || len(p.Other) > 0 ||
		p.Ungoverned && p.Op == policy.Removed
}

// Closes reports whether something could pass before, or may have been able to, and may not
// any more.
func (p *Part) Closes() bool {
	return something(p.Closed) || something(p.Denied) || len(p.Other) > 0 ||
		p.Ungoverned && p.Op == policy.Added
}

// something reports whether there is anything in the sets of the two directions.
func something(sets [2]space.Set) bool { return !sets[0].Empty() || !sets[1].Empty() }

// NamesGroups reports whether groups are among the peers of what is different.
func (p *Part) NamesGroups() bool {
	for _, set := range []space.Set{p.Opened[0], p.Opened[1], p.Closed[0], p.Closed[1]} {
		for _, peers := range set.All() {
			for _, a := range peers.Atoms() {
				if a.Kind == policy.PeerGroup {
					return true
				}
			}
		}
	}
	return false
}

// Opens reports whether something may pass that could not before.
func (d *Difference) Opens() bool {
	return len(d.Settings) > 0 || anyPart(d, (*Part).Opens)
}

// Closes reports whether something could pass before and may not any more.
func (d *Difference) Closes() bool {
	return len(d.Settings) > 0 || anyPart(d, (*Part).Closes)
}

func anyPart(d *Difference, is func(*Part) bool) bool {
	for _, parts := range [][]Part{d.Groups, d.Interfaces} {
		for i := range parts {
			if is(&parts[i]) {
				return true
			}
		}
	}
	return false
}

// Policies compares two valid policies.
//
// A rule that names a group permits it to the group's members: to the addresses that the
// policy says, and to an unknown rest that is the same in both for a group of that name. A
// list that one of them leaves empty has such a rest, too.
// Groups of other names that mean the same, and are in one policy alone, are taken to have
// been renamed.
//
// Keys of [BesideRules] that are unsaid count for nothing: the format of one of the policies
// has no words for them, and what it has there is nobody's decision.
func Policies(before, after *policy.Policy, unsaid ...string) *Difference {
	c := newComparison(before, after)
	c.unsaid = unsaid
	d := &Difference{ByName: c.byName, Groups: c.groups(), Interfaces: c.interfaces(),
		Settings: c.settings()}
	d.LeftOut = slices.DeleteFunc(BesideRules(), func(key string) bool { return !c.leftOut[key] })
	return d
}

// side is one of the policies.
type side struct {
	*policy.Policy
	reading *space.Reading
	index   map[string]*policy.Group
	mark    string // of names that mean something else in the other policy
}

type comparison struct {
	before, after side
	byName        bool
	renamed       map[string]string // names of after by those of before
	differs       map[policy.RuleID]bool
	unsaid        []string        // keys that are not compared
	leftOut       map[string]bool // those of them that are different
}

func newComparison(before, after *policy.Policy) *comparison {
	c := &comparison{byName: !populated(before) || !populated(after),
		differs: make(map[policy.RuleID]bool), leftOut: make(map[string]bool)}
	partial := make(map[string]bool)
	for _, p := range []*policy.Policy{before, after} {
		for i := range p.PrefixLists {
			if len(p.PrefixLists[i].Entries) == 0 {
				partial[p.PrefixLists[i].Name] = true
			}
		}
	}
	c.before, c.after = c.side(before, partial), c.side(after, partial)
	c.before.mark, c.after.mark = "before ", "after "
	// A policy that does not mention the default group has it as AWS creates it.
	for _, s := range []struct{ has, lacks *side }{{&c.before, &c.after}, {&c.after, &c.before}} {
		if g := s.has.index[policy.DefaultName]; g != nil && g.Default &&
			s.lacks.index[policy.DefaultName] == nil {
			usual := policy.DefaultGroup()
			s.lacks.index[policy.DefaultName] = &usual
		}
	}
	c.rename()
	return c
}

// populated reports whether a policy says who is a member of groups.
func populated(p *policy.Policy) bool { return len(p.Interfaces)+len(p.Remotes) > 0 }

func (c *comparison) side(p *policy.Policy, partial map[string]bool) side {
	var members *member.Membership
	if !c.byName {
		members = member.Resolve(p, member.Facts{})
	}
	s := side{Policy: p, reading: space.Read(p, members).Partial(partial),
		index: make(map[string]*policy.Group, len(p.Groups))}
	for i := range p.Groups {
		s.index[p.Groups[i].Name] = &p.Groups[i]
	}
	return s
}
