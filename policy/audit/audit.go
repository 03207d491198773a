package audit

import (
	"slices"
	"time"

	"sgfw/policy"
	"sgfw/policy/member"
	"sgfw/policy/reputation"
	"sgfw/policy/space"
)

// DefaultRange is Options.Range where the caller does not say.
const DefaultRange = 100

// Options is what an audit knows beside the policy. The zero value is fine but for Now.
type Options struct {
	// Include are the groups that are looked at; none means all.
	Include []string
	// Ignore are codes that the caller does not want to hear of.
	Ignore []string
	// Range is how many ports a public peer may have in one rule; 0 is DefaultRange.
	Range int
	// Now is the day on which comments to ignore findings are judged. Zero means that none
	// expires.
	Now time.Time
	// Texts are the files that positions are in, by name, for comments to ignore findings.
	Texts map[string][]byte
	// Partial says that others than the peers of the policy may have its groups.
	Partial bool
	// Raised says that an import has raised quotas to what the policy uses, so that none but
	// the usual ones are anybody's.
	Raised bool
	// Elsewhere are prefix lists without entries here that have some where they come from.
	Elsewhere []string
	// Members are the members of groups; nil means those that the policy itself names.
	Members *member.Membership
	// Live says that Members has the addresses that devices of this machine have, too.
	Live bool
	// Lists are block lists that public peers are held against.
	Lists []*reputation.List
	// Observed is what a daemon has seen, nil where nobody watched.
	Observed *Observed
}

// auditor is one audit.
type auditor struct {
	p       *policy.Policy
	o       Options
	reading *space.Reading
	groups  []*examined
	byName  map[string]*examined
	// attachments are the interfaces that have the same groups.
	attachments []*attachment
	found       []Finding
	rules       int
}

// examined is a group with what is known of it.
type examined struct {
	*policy.Group
	// included: its findings are wanted.
	included bool
	usage    policy.Usage
	alone    *unit
	// on are the attachments that have it, remote whether another machine has it, and
	// referenced whether a rule has it as peer.
	on         []*attachment
	remote     bool
	referenced bool
	// covers are the rules that others make superfluous, by direction, once they are judged.
	covers [2][]space.Cover
	judged [2]bool
}

// attachment is a set of groups that interfaces have.
type attachment struct {
	groups []*examined
	// first is one of the interfaces, and count how many there are.
	first *policy.Interface
	count int
	// union is what the groups permit together. It is that of the group where there is one.
	union *unit
}

// Run audits a policy.
func Run(p *policy.Policy, o Options) *Report {
	if o.Range == 0 {
		o.Range = DefaultRange
	}
	if o.Members == nil {
		o.Members = member.Resolve(p, member.Facts{})
	}
	a := &auditor{p: p, o: o, reading: space.Read(p, o.Members), byName: map[string]*examined{}}
	a.examine()
	a.attach()
	for _, g := range a.groups {
		if !g.included {
			continue
		}
		a.exposures(g.alone)
		a.icmp(g)
		a.descriptions(g)
		a.names(g)
		a.quotas(g)
		a.ranges(g)
		a.parts(g)
		a.overlaps(g)
		a.peers(g)
		a.use(g)
		a.families(g)
		a.tracking(g)
		a.observed(g)
	}
	for _, at := range a.attachments {
		if len(at.groups) > 1 && slices.ContainsFunc(at.groups, (*examined).wanted) {
			a.together(at)
		}
		a.pathMTU(at)
	}
	a.shared()
	a.networkACLs()
	a.aclAnswers()
	a.totals()
	r := &Report{Rules: a.rules, auditor: a}
	for _, g := range a.groups {
		if g.included {
			r.Groups++
		}
	}
	if len(o.Lists) > 0 {
		r.Reputation = a.reputation()
	}
	r.Findings, r.Ignored = a.ignore(a.found)
	sortFindings(r.Findings)
	return r
}

func (g *examined) wanted() bool { return g.included }

// examine prepares the groups.
func (a *auditor) examine() {
	usages := a.p.Usages()
	for i := range a.p.Groups {
		g := &examined{Group: &a.p.Groups[i], usage: usages[i]}
		g.included = len(a.o.Include) == 0 || slices.Contains(a.o.Include, g.Name)
		a.groups, a.byName[g.Name] = append(a.groups, g), g
		if g.included {
			a.rules += len(g.Ingress) + len(g.Egress)
		}
	}
	for _, g := range a.groups {
		for _, d := range directions {
			rules := g.Rules(d)
			for i := range rules {
				if peer := rules[i].Peer; peer.Kind == policy.PeerGroup {
					if other := a.byName[peer.Name]; other != nil && other != g {
						other.referenced = true
					}
				}
			}
		}
		g.alone = a.unit("", g)
	}
}

// attach finds out which groups are where.
func (a *auditor) attach() {
	known := map[string]*attachment{}
	for i := range a.p.Interfaces {
		n := &a.p.Interfaces[i]
		var groups []*examined
		key := ""
		names := slices.Clone(n.Groups)
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if g := a.byName[name]; g != nil {
				groups, key = append(groups, g), key+name+"\x00"
			}
		}
		if len(groups) == 0 {
			continue
		}
		at := known[key]
		if at == nil {
			at = &attachment{groups: groups, first: n, union: groups[0].alone}
			if len(groups) > 1 {
				at.union = a.unit(n.Device, groups...)
			}
			known[key], a.attachments = at, append(a.attachments, at)
			for _, g := range groups {
				g.on = append(g.on, at)
			}
		}
		at.count++
	}
	for i := range a.p.Remotes {
		for _, name := range a.p.Remotes[i].Groups {
			if g := a.byName[name]; g != nil {
				g.remote = true
			}
		}
	}
}

// attached reports whether the policy says where groups are: files of other tools often do
// not, or of some places only.
func (a *auditor) attached() bool {
	return len(a.p.Interfaces) > 0 || len(a.p.Remotes) > 0 && !a.o.Partial
}

// add keeps a finding.
func (a *auditor) add(f Finding, code string) {
	f.Check = Of(code)
	if f.Also == nil {
		f.Also = &f.Check.Also
	} else {
		also := f.Check.Also.with(*f.Also)
		f.Also = &also
	}
	if f.Severity == unset {
		f.Severity = f.Check.Severity
	}
	a.found = append(a.found, f)
}

// unset is the severity of a finding that has that of its check.
const unset = Severity(0xff)

var directions = []policy.Direction{policy.Ingress, policy.Egress}

var families = []policy.Family{policy.IPv4, policy.IPv6}

// familyIndex is the place of a family in families.
func familyIndex(f policy.Family) int { return slices.Index(families, f) }
