// Package policy is the model of a security-group policy, as a plain value: groups with
// their rules, prefix lists, the interfaces that the groups are attached to, interfaces
// on other machines, quotas and settings.
//
// It does nothing with the machine: it reads no file and opens no socket. Settings such
// as the queue driver are names here, for the packages that act on them.
//
// Nobody changes a Policy that [Validate] accepted: rulesets and listings share it.
// [Policy.WithIDs] makes another one.
//
// Handles such as R16 or Q3 in comments name a fact about AWS security groups:
// R is the rule and group model, D defaults, Q quotas.
package policy

import "strconv"

// Pos is where a part of the policy was written; the zero Pos is "nowhere",
// as for defaults. Line and Col count from 1; Col counts characters, and is 0
// when only the line is known.
type Pos struct {
	File      string
	Line, Col int
}

// String is "file:line:col", without what is not known.
func (p Pos) String() string {
	s := p.File
	for _, n := range []int{p.Line, p.Col} {
		if n <= 0 {
			break
		}
		if s != "" {
			s += ":"
		}
		s += strconv.Itoa(n)
	}
	return s
}

// Policy is everything that one policy file says, defaults filled in.
type Policy struct {
	PrefixLists []PrefixList
	// Groups has the default group if something names it or changes its rules: where
	// nothing does, nothing tells whether it is there.
	Groups []Group
	// NetworkACLs has the default list if an interface has it.
	NetworkACLs []NetworkACL
	Interfaces  []Interface
	// Remotes are the interfaces on other machines (`peers:` in the file), so
	// that group references have members there.
	Remotes  []Remote
	Quotas   Quotas
	Settings Settings
	// IDs are not part of what the file says, see [Policy.WithIDs].
	IDs IDs
}

// WithIDs returns the same policy with the IDs of a machine. It shares everything else
// with p.
func (p *Policy) WithIDs(ids IDs) *Policy {
	with := *p
	with.IDs = ids
	return &with
}

// Group returns the group of that name, nil when there is none. It looks at
// every group; those who ask often build their own index.
func (p *Policy) Group(name string) *Group {
	for i := range p.Groups {
		if p.Groups[i].Name == name {
			return &p.Groups[i]
		}
	}
	return nil
}

// PrefixList returns the prefix list of that name, nil when there is none.
func (p *Policy) PrefixList(name string) *PrefixList {
	for i := range p.PrefixLists {
		if p.PrefixLists[i].Name == name {
			return &p.PrefixLists[i]
		}
	}
	return nil
}
