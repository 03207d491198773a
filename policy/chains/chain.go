package chains

import (
	"net/netip"
	"slices"
	"strings"

	"sgfw/policy"
	"sgfw/policy/space"
)

// Verdict is what a rule does with a packet that it matches.
type Verdict uint8

const (
	// Continue: the next rule decides, as after a target that only logs.
	Continue Verdict = iota
	Accept
	Drop
	// Jump goes to the chain [Rule.To], and comes back from its end.
	Jump
	// Goto goes to the chain [Rule.To], whose end is that of this chain.
	Goto
	Return
)

// State is what the kernel's connection table says of a packet, as a set of bits.
type State uint8

const (
	// New begins a connection.
	New State = 1 << iota
	Established
	Related
	// Other is whatever no group lets through or keeps out: invalid and untracked packets.
	Other
	// AnyState is every state.
	AnyState = New | Established | Related | Other
)

// Device is a condition on the device that a packet comes from or leaves to.
type Device struct {
	// Name may end in "*".
	Name string
	// Not is true for all devices but those.
	Not bool
}

// matches reports whether the devices of a class satisfy the condition. A class is a name, a
// pattern for the devices that no longer name stands for, or "*".
func (d Device) matches(class string) bool {
	stem, glob := strings.CutSuffix(d.Name, "*")
	in := class == d.Name || glob && strings.HasPrefix(strings.TrimSuffix(class, "*"), stem)
	return in != d.Not
}

// Unsaid is what a rule asks of a packet and groups cannot say.
type Unsaid struct {
	// Why is a phrase: "it asks for the user of the program".
	Why string
	// Hint says what to do about it.
	Hint string
	// Grave is set where leaving the rule out is no answer, though it only accepts.
	Grave bool
	// at is the rule that asks it, where others are reached through that one.
	at *Rule
}

// of is the rule that asks it: the one that has it, or the one that leads to it.
func (u *Unsaid) of(r *Rule) *Rule {
	if u.at != nil {
		return u.at
	}
	return r
}

// Match is which packets a rule is for. The zero value is for all.
type Match struct {
	// Spans are protocols with ports or types; nil is all of them.
	Spans []space.Span
	// Peers are the addresses on the other side; nil is all of the family.
	Peers *space.Peers
	// List is the key of the prefix list that Peers are, "" for none.
	List string
	// Unknown is set if nobody knows the entries of List.
	Unknown bool
	Devices []Device
	// States are those of the packets; 0 is AnyState.
	States State
	// Never is set if the rule matches nothing that counts.
	Never  bool
	Unsaid *Unsaid
}

// Rule is one rule of a chain.
type Rule struct {
	Pos     policy.Pos
	Match   Match
	Verdict Verdict
	// To is the chain of Jump and Goto.
	To string
	// Text is the comment that the rule has.
	Text string
	// Name is what messages call the rule, where lines help nobody: "rule 5 of filter input".
	// Empty is by its line.
	Name string
	// Code is the rule as its language has it, to be shown with its name.
	Code string
}

// name is what messages about other rules call this one. Several files make one firewall.
func (r *Rule) name() string {
	if r.Name != "" {
		return r.Name
	}
	return "line " + number(r.Pos.Line) + " of " + r.Pos.File
}

// the is the name with an article.
func (r *Rule) the() string {
	if r.Name != "" {
		return r.Name
	}
	return "the rule on line " + number(r.Pos.Line)
}

// Subject begins messages about the rule, where the place alone does not say which it is.
func (r *Rule) Subject() string {
	switch {
	case r.Name == "":
		return ""
	case r.Code == "":
		return r.Name + ": "
	}
	return r.Name + " (" + r.Code + "): "
}

// Chain is a list of rules in order.
type Chain struct {
	Pos   policy.Pos
	Rules []Rule
	// Policy is what happens at the end of a chain that packets enter first: Accept or Drop.
	Policy Verdict
	// Name is what messages call the policy, as [Rule.Name].
	Name string
}

// Firewall is the chains of one family.
type Firewall struct {
	// Pos is where it begins, and the place of the group.
	Pos policy.Pos
	// Family is that of the addresses.
	Family policy.Family
	// Chains are those that rules may jump to, by direction and name: in each direction the
	// other side is another one, so that rules are read for each.
	Chains [2]map[string]*Chain
	// In and Out are what packets to and from the machine enter. Nil accepts everything.
	In, Out *Chain
}

// base is the chain of a direction.
func (f *Firewall) base(dir policy.Direction) *Chain {
	c := f.In
	if dir == policy.Egress {
		c = f.Out
	}
	if c == nil {
		return &Chain{Pos: f.Pos, Policy: Accept, Name: "no chain for " + dir.String()}
	}
	return c
}

// classes are the devices that rules name, without the loopback device, and "*" for all
// others, at last.
func classes(firewalls []Firewall) []string {
	var out []string
	add := func(c *Chain) {
		if c == nil {
			return
		}
		for i := range c.Rules {
			for _, d := range c.Rules[i].Match.Devices {
				if d.Name != policy.Loopback && d.Name != "*" && !slices.Contains(out, d.Name) {
					out = append(out, d.Name)
				}
			}
			if len(out) > maxDevices {
				return
			}
		}
	}
	for i := range firewalls {
		add(firewalls[i].In)
		add(firewalls[i].Out)
		for _, chains := range firewalls[i].Chains {
			for _, c := range chains {
				add(c)
			}
		}
	}
	slices.Sort(out)
	return append(out, "*")
}

// MaxEntries bounds the entries of a list, as [policy.DefaultQuotas] do.
const MaxEntries = 1000

// PeersOf are the addresses of a list.
func PeersOf(entries []policy.PrefixEntry) space.Peers {
	cidrs := make([]netip.Prefix, len(entries))
	for i, e := range entries {
		cidrs[i] = e.CIDR
	}
	return space.PeersOf(cidrs...)
}

// Bounds of what is followed.
const (
	maxDevices = 64
	maxDepth   = 64
	maxSteps   = 6000 // rules that are applied in one import
	// maxPieces bounds the pieces of what is undecided, summed up over all steps: the work.
	maxPieces = 4_000_000
)
