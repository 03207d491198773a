package convert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sgfw/policy"
	"sgfw/policy/file"
)

// Draft gathers the parts of a policy. Groups and prefix lists are called by a key: what
// the format refers to them by, such as an ID. Peers have the key in place of a name, until
// [Draft.Finish] gives all parts their names. Make one with [NewDraft]; it is for one
// goroutine.
type Draft struct {
	found    policy.Collector
	comments file.Comments
	given    map[string][]policy.PrefixEntry

	groups  []group
	lists   []list
	members []member
	acls    []networkACL
	byKey   map[string]int // of groups
	listKey map[string]int
}

type group struct {
	policy.Group
	key, also string
	ours      bool // the default group of a network
	in, out   int  // how many blocks there are
}

type list struct {
	policy.PrefixList
	key string
	// names are what the list became: of both families, it became two.
	names []string
}

type member struct {
	policy.Remote
	groups []string // by key
}

// NewDraft returns an empty draft.
func NewDraft(o Options) *Draft {
	return &Draft{comments: file.Comments{}, given: o.PrefixLists, byKey: map[string]int{},
		listKey: map[string]int{}}
}

// Errorf reports what makes the import fail.
func (d *Draft) Errorf(pos policy.Pos, hint, format string, a ...any) {
	if d.Full() {
		return // a text may have millions of faults
	}
	d.found.Add(policy.Problem{Pos: pos, Code: policy.InvalidParameterValue, Hint: hint,
		Message: fmt.Sprintf(format, a...)})
}

// Add reports a problem, unless it is nil.
func (d *Draft) Add(pos policy.Pos, b *policy.Problem) {
	if b != nil {
		b.Pos = pos
		d.found.Add(*b)
	}
}

// Lost says what could not be kept: a notice, and a comment above the part at pos.
func (d *Draft) Lost(pos policy.Pos, hint, format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	d.found.Add(policy.Problem{Pos: pos, Severity: policy.SeverityNotice, Message: text,
		Hint: hint})
	d.comments.Add(pos, "%s", text)
}

// Printable is a text as people can read it: with spaces for what cannot be printed, such as
// line ends, tabs and what is no UTF-8, which is told. A policy takes none of that, and what
// is for people keeps nobody from importing all the rest.
func (d *Draft) Printable(pos policy.Pos, what, s string) string {
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	if text != s {
		d.Lost(pos, "", "%s has characters that cannot be printed: spaces here", what)
	}
	return text
}

// Comment writes a text above the part at pos and says nothing else.
func (d *Draft) Comment(pos policy.Pos, format string, a ...any) {
	d.comments.Add(pos, format, a...)
}

// Failed reports whether something makes the import fail.
func (d *Draft) Failed() bool { return d.found.Failed() }

// Full reports whether so much is wrong that more of it would not be kept.
func (d *Draft) Full() bool { return d.found.Full(policy.SeverityError) }

// Group adds a group that the sources refer to by key, and by a second one unless that is
// empty. Its rules are added by [Draft.Rules]; without, nothing passes. It reports whether
// the key is new; a group that is there already stays as it is.
//
// A group called "default" is the default group of a network.
func (d *Draft) Group(key, also string, g policy.Group) bool {
	if _, there := d.byKey[key]; there {
		return false
	}
	g.Ingress, g.Egress = nil, nil
	g.Description = d.Printable(g.Pos, "the description", g.Description)
	if g.Description == "" {
		g.Description = policy.DefaultDescription
	}
	d.byKey[key] = len(d.groups)
	if also != "" {
		d.byKey[also] = len(d.groups)
	}
	d.groups = append(d.groups, group{Group: g, key: key, also: also,
		ours: strings.EqualFold(g.Name, policy.DefaultName)})
	return true
}

// HasGroup reports whether there is a group of that key.
func (d *Draft) HasGroup(key string) bool {
	_, there := d.byKey[key]
	return there
}

// HasGroups reports whether there is any group.
func (d *Draft) HasGroups() bool { return len(d.groups) > 0 }

// Rules adds the rules of a block to a group, for which Index is set: one block after the
// other. Peers that are groups or prefix lists have keys as names. Rules that the group has
// already are left out.
func (d *Draft) Rules(key string, dir policy.Direction, rules ...policy.Rule) {
	i, there := d.byKey[key]
	if !there || len(rules) == 0 {
		return
	}
	g := &d.groups[i]
	to, n := &g.Ingress, &g.in
	if dir == policy.Egress {
		to, n = &g.Egress, &g.out
	}
	for _, r := range rules {
		r.Index = *n
		r.Description = d.Printable(r.Pos, "the description", r.Description)
		*to = append(*to, r)
	}
	*n++
}

// List adds a prefix list that the sources refer to by key, and reports whether the key is
// new. Entries may be of both families.
func (d *Draft) List(key string, l policy.PrefixList) bool {
	if _, there := d.listKey[key]; there {
		return false
	}
	d.listKey[key] = len(d.lists)
	d.lists = append(d.lists, list{PrefixList: l, key: key})
	return true
}

// HasList reports whether there is a prefix list of that key.
func (d *Draft) HasList(key string) bool {
	_, there := d.listKey[key]
	return there
}

// Entries adds entries to a prefix list.
func (d *Draft) Entries(key string, entries ...policy.PrefixEntry) {
	if i, there := d.listKey[key]; there {
		d.lists[i].Entries = append(d.lists[i].Entries, entries...)
	}
}

// Member adds an interface on another machine, with its groups by key.
func (d *Draft) Member(r policy.Remote, groups ...string) {
	d.members = append(d.members, member{Remote: r, groups: groups})
}

// Finish names what is there, and returns the policy with everything that is to be said
// about it. Groups and lists that rules refer to and nobody has become prefix lists: of the
// entries that the user gave, or empty with a notice. Quotas are raised to what the policy
// needs, as they were where it comes from.
func (d *Draft) Finish() Result {
	d.missing()
	p := &policy.Policy{Quotas: policy.DefaultQuotas, Settings: policy.DefaultSettings}
	d.nameLists(p)
	names := d.nameGroups(p)
	d.attachMembers(p)
	d.raise(p)
	d.nameACLs(p)
	for _, problem := range policy.Validate(p) {
		// What only AWS would refuse came from there, or is nothing new to its writer.
		if problem.Severity == policy.SeverityError {
			d.found.Add(problem)
		}
	}
	problems := d.found.Problems()
	problems.Sort()
	problems = slices.Compact(problems) // of several instances, each says the same
	r := Result{Comments: d.comments, Problems: problems, Names: names}
	if problems.Err() == nil {
		r.Policy = p
	}
	return r
}

// nameGroups makes the groups, and returns their names by key. The default group of the only
// network is the policy's; those of several are groups like others.
func (d *Draft) nameGroups(p *policy.Policy) map[string]string {
	defaults := 0
	for i := range d.groups {
		if d.groups[i].ours {
			defaults++
		}
	}
	taken := names{policy.DefaultName: 1}
	names := make(map[string]string, len(d.byKey))
	for i := range d.groups {
		g := &d.groups[i]
		was := g.Name
		switch {
		case g.ours && defaults == 1:
			g.Default, g.Name = true, policy.DefaultName
			g.Description, g.VPCID = policy.DefaultGroup().Description, ""
		default:
			g.Name = taken.unique(was, cmp.Or(g.VPCID, g.also))
		}
		if g.Name != was && !g.ours {
			d.Lost(g.Pos, "names here differ by more than case",
				"group %q is called %q: another one has its name", was, g.Name)
		}
		names[g.key] = g.Name
		if g.also != "" {
			names[g.also] = g.Name
		}
	}
	for i := range d.groups {
		g := &d.groups[i]
		g.Ingress = d.named(g, g.Ingress, names)
		g.Egress = d.named(g, g.Egress, names)
		p.Groups = append(p.Groups, g.Group)
	}
	return names
}

// named are rules with the names of their peers, each rule once.
func (d *Draft) named(g *group, rules []policy.Rule, names map[string]string) []policy.Rule {
	out := make([]policy.Rule, 0, len(rules))
	seen := make(map[policy.RuleID]bool, len(rules))
	add := func(r policy.Rule) {
		if id := r.ID(); !seen[id] {
			seen[id] = true
			out = append(out, r)
		}
	}
	for _, r := range rules {
		switch r.Peer.Kind {
		case policy.PeerGroup:
			r.Peer.Name = names[r.Peer.Name]
			r.Peer.Self = r.Peer.Name == g.Name
			add(r)
		case policy.PeerPrefixList:
			for _, name := range d.lists[d.listKey[r.Peer.Name]].names {
				r.Peer.Name = name
				add(r)
			}
		default:
			add(r)
		}
	}
	return out
}

// attachMembers makes the interfaces on other machines, without the groups that are not
// here.
func (d *Draft) attachMembers(p *policy.Policy) {
	taken := names{}
	for _, m := range d.members {
		for _, key := range m.groups {
			i, there := d.byKey[key]
			if there && !slices.Contains(m.Groups, d.groups[i].Name) {
				m.Groups = append(m.Groups, d.groups[i].Name)
			}
		}
		if len(m.Groups) > 0 && m.Listed() {
			m.Name = taken.unique(m.Name, "")
			p.Remotes = append(p.Remotes, m.Remote)
		}
	}
}

// raise raises quotas to what the policy needs, as far as AWS does.
func (d *Draft) raise(p *policy.Policy) {
	q := &p.Quotas
	q.Groups = max(q.Groups, len(p.Groups))
	q.PrefixLists = max(q.PrefixLists, len(p.PrefixLists))
	for i := range p.PrefixLists {
		q.PrefixListEntries = max(q.PrefixListEntries, p.PrefixLists[i].MaxEntries)
	}
	most := 0
	for _, u := range p.Usages() {
		most = max(most, u.IngressIPv4, u.IngressIPv6, u.EgressIPv4, u.EgressIPv6)
	}
	attached := 0
	for i := range p.Remotes {
		attached = max(attached, len(p.Remotes[i].Groups))
	}
	if most > q.RulesPerGroup {
		q.RulesPerGroup = min(most, policy.MaxRulesPerInterface)
		q.GroupsPerInterface = min(q.GroupsPerInterface, policy.MaxRulesPerInterface/q.RulesPerGroup)
	}
	if attached > q.GroupsPerInterface {
		q.GroupsPerInterface = min(attached, policy.MaxGroupsPerInterface)
		q.RulesPerGroup = min(q.RulesPerGroup, policy.MaxRulesPerInterface/q.GroupsPerInterface)
	}
}
