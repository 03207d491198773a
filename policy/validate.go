package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Validate says everything that is wrong with a policy, or worth knowing, in order of
// position. Of each severity it stops at MaxCollected. A policy need not come from a
// file. It is acceptable when the answer's Err is nil.
func Validate(p *Policy) Problems {
	v := validator{
		p: p, q: p.Quotas,
		lists:      make(map[string]*PrefixList, len(p.PrefixLists)),
		groups:     make(map[string]bool, len(p.Groups)),
		groupNames: make([]string, 0, len(p.Groups)),
	}
	for i := range p.PrefixLists {
		list := &p.PrefixLists[i]
		v.lists[list.Name] = list
		v.listNames = append(v.listNames, list.Name)
	}
	v.held, v.judging = held(p)
	for i := range p.Groups {
		v.groups[p.Groups[i].Name] = true
		v.groupNames = append(v.groupNames, p.Groups[i].Name)
	}
	if !v.groups[DefaultName] { // a reference to it makes it
		v.groupNames = append(v.groupNames, DefaultName)
	}
	if !p.Quotas.check(v.found.Add) {
		v.q = unlimited
	}
	v.prefixLists()
	v.allGroups()
	v.networkACLs()
	v.fullCounters()
	v.interfaces()
	v.guarantees()
	v.remotes()
	p.Settings.check(v.found.Add)
	problems := v.found.Problems()
	problems.Sort()
	// What is wrong with a peer is so in each of the rules that its block stands for.
	return slices.CompactFunc(problems, func(a, b Problem) bool { return a == b && a.Pos.Line > 0 })
}

// validator is one run of Validate.
type validator struct {
	p                     *Policy
	q                     Quotas
	lists                 map[string]*PrefixList
	groups                map[string]bool
	listNames, groupNames []string
	// held are the groups with what is known of their members, judging those that an
	// interface of this machine has.
	held      map[string]holder
	judging   map[string]bool
	found     Collector
	suggested int
	nearFull  []fullCounter
}

// report places a Problem, if there is one, at a part of the policy.
func (v *validator) report(pos Pos, b *Problem) {
	if b != nil {
		b.Pos = pos
		v.found.Add(*b)
	}
}

func (v *validator) errorf(pos Pos, field string, code Code, hint, format string, a ...any) {
	if v.found.Full(SeverityError) {
		return
	}
	v.found.Add(Problem{Pos: pos, Field: field, Code: code, Message: fmt.Sprintf(format, a...),
		Hint: hint})
}

// unique reports a name that was there before, ignoring case as AWS does for
// groups.
func (v *validator) unique(seen map[string]Pos, kind, name string, code Code, pos Pos) {
	key := strings.ToLower(name)
	if first, dup := seen[key]; dup && name != "" {
		v.errorf(pos, "name", code, "names differ by more than case", "%s name %s is taken%s", kind,
			Quote(name), see(first))
		return
	}
	seen[key] = pos
}

// see says where the other one is, when that is known.
func see(pos Pos) string {
	if pos.Line == 0 {
		return ""
	}
	return fmt.Sprintf(", see line %d", pos.Line)
}

func (v *validator) prefixLists() {
	v.totals()
	seen := make(map[string]Pos)
	for i := range v.p.PrefixLists {
		list := &v.p.PrefixLists[i]
		v.report(list.Pos, checkListName(list.Name))
		v.unique(seen, "prefix list", list.Name, "", list.Pos)
		switch {
		case list.MaxEntries < len(list.Entries):
			v.errorf(list.Pos, "max_entries", InvalidParameterValue, "raise max_entries, or leave it out",
				"prefix list %s has %d entries, more than its max_entries %d", Quote(list.Name),
				len(list.Entries), list.MaxEntries)
		case list.MaxEntries > v.q.PrefixListEntries:
			v.errorf(list.Pos, "max_entries", InvalidParameterValue,
				fmt.Sprintf("at most %d, see quotas.prefix_list_entries", v.q.PrefixListEntries),
				"prefix list %s is sized for %d entries", Quote(list.Name), list.MaxEntries)
		}
		if _, known := list.FamilyOf(); !known {
			v.report(list.Pos, refusedByAWS("entries", MissingParameter, "add address_family",
				"prefix list "+Quote(list.Name), "without entries it is of no family"))
		}
		cidrs := make(map[netip.Prefix]Pos, len(list.Entries))
		for j := range list.Entries {
			v.entry(list, &list.Entries[j], cidrs)
		}
	}
}

func (v *validator) entry(list *PrefixList, e *PrefixEntry, seen map[netip.Prefix]Pos) {
	v.report(e.Pos, checkNote(e.Description))
	if !v.cidr(e.Pos, e.CIDR) {
		return
	}
	v.report(e.Pos, nobody(e.CIDR))
	if f, known := list.FamilyOf(); known && f != FamilyOf(e.CIDR) {
		v.errorf(e.Pos, "cidr", InvalidParameterValue, "make one list for each family",
			"%s in a prefix list of %s", e.CIDR, f)
	}
	if first, dup := seen[e.CIDR]; dup {
		v.errorf(e.Pos, "cidr", InvalidParameterValue, "remove one", "%s is in the list already%s",
			e.CIDR, see(first))
		return
	}
	seen[e.CIDR] = e.Pos
}

// cidr reports what is no canonical CIDR; a reader of files never makes one.
func (v *validator) cidr(pos Pos, c netip.Prefix) bool {
	if c.IsValid() && c == c.Masked() && !c.Addr().Is4In6() {
		return true
	}
	v.errorf(pos, "", InvalidParameterValue, "", "%s is not a canonical CIDR", c)
	return false
}

func (v *validator) allGroups() {
	seen := make(map[string]Pos)
	for i := range v.p.Groups {
		g := &v.p.Groups[i]
		if !g.Default {
			v.report(g.Pos, checkGroupName(g.Name))
		}
		v.unique(seen, "group", g.Name, DuplicateGroup, g.Pos)
		if g.Description == "" {
			v.report(g.Pos, refusedByAWS("description", MissingParameter, "say what the group is for",
				"group "+Quote(g.Name), "it has no description"))
		} else {
			v.report(g.Pos, checkDescription(g.Description))
		}
		v.report(g.Pos, checkText("vpc_id", "vpc_id", g.VPCID, MaxName))
		checkTags(g.Tags, func(bad *Problem) { v.report(g.Pos, bad) })
		v.rules(g, Ingress)
		v.rules(g, Egress)
		v.counters(g, Ingress)
		v.counters(g, Egress)
	}
}

func (v *validator) rules(g *Group, d Direction) {
	rules := g.Rules(d)
	seen := make(map[RuleID]*Rule, len(rules))
	sound := true
	shared := false // the description of the block is checked
	for i := range rules {
		r := &rules[i]
		// The rules of one block share everything but ports and peer, and those with the
		// same ports follow each other.
		first := i == 0 || r.Index < 0 || rules[i-1].Index != r.Index
		if first {
			checkTags(r.Tags, func(bad *Problem) { v.report(r.Pos, bad) })
			shared = false
		}
		switch {
		case r.Peer.Described:
			v.report(r.Peer.Pos, checkDescription(r.Description))
		case !shared:
			v.report(r.Pos, checkDescription(r.Description))
			shared = true
		}
		if first || rules[i-1].From != r.From || rules[i-1].To != r.To {
			sound = v.ports(r)
		}
		v.peer(g, r)
		other, dup := seen[r.ID()]
		switch {
		case !sound:
			// Invalid rules are no duplicates of each other.
		case !dup:
			seen[r.ID()] = r
		case other.Index == r.Index:
			v.errorf(r.Peer.Pos, "", InvalidParameterValue, "remove one", "%s stands twice in one rule",
				r.Peer)
		default:
			v.errorf(r.Peer.Pos, "", DuplicatePermission,
				"descriptions do not make rules different; remove one",
				"%s rule %q is there already%s", d, r, see(other.Pos))
		}
	}
}

// ports checks protocol and ports, or type and code, of rules that share them; it is
// false when they cannot be rules.
func (v *validator) ports(r *Rule) bool {
	if !r.Protocol.Valid() {
		v.errorf(r.Pos, "protocol", InvalidParameterValue, "0 to 255, or -1 for all",
			"protocol %d is out of range", r.Protocol)
		return false
	}
	if bad := CheckRange(r.Protocol, r.From, r.To); bad != nil {
		v.report(r.Pos, bad)
		return false
	}
	v.report(r.Pos, DeadICMP(r))
	v.report(r.Pos, zeroRange(r))
	return true
}

func (v *validator) peer(g *Group, r *Rule) {
	pos := r.Peer.Pos
	switch r.Peer.Kind {
	case PeerCIDR:
		if v.cidr(pos, r.Peer.CIDR) {
			v.report(pos, wrongFamily(r.Protocol, FamilyOf(r.Peer.CIDR)))
			v.report(pos, nobody(r.Peer.CIDR))
		}
	case PeerPrefixList:
		list := v.lists[r.Peer.Name]
		if list == nil && PrefixListID.Meant(r.Peer.Name) {
			bad := PrefixListID.Check(r.Peer.Name)
			if bad == nil {
				bad = PrefixListID.NotFound(r.Peer.Name)
			}
			bad.Hint = "prefix lists go by name here, not by ID"
			v.report(pos, bad)
			return
		}
		if list == nil {
			v.missing(pos, "", PrefixListNotFound, r.Peer.Name, "prefix list",
				v.hint(r.Peer.Name, v.listNames, "name it under prefix_lists"))
			return
		}
		if f, known := list.FamilyOf(); known {
			v.report(pos, wrongFamily(r.Protocol, f))
		}
		if len(list.Entries) == 0 && v.judging[g.Name] {
			v.report(pos, &Problem{Severity: SeverityNotice,
				Message: fmt.Sprintf("prefix list %s has no entries: the rule matches nothing",
					Quote(list.Name))})
		}
	case PeerGroup:
		if r.Peer.Self && r.Peer.Name != g.Name {
			v.errorf(pos, "", InvalidParameterValue, "", "a self reference of group %s names %s",
				Quote(g.Name), Quote(r.Peer.Name))
			return
		}
		if v.knownGroup(pos, "", r.Peer.Name) {
			v.members(pos, g, r)
		}
	default:
		v.errorf(pos, "", InvalidParameterValue, "", "unknown kind of peer %d", r.Peer.Kind)
	}
}
