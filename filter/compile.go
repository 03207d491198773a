package filter

import (
	"crypto/sha256"
	"net/netip"
	"slices"
	"strings"

	"sgfw/conntrack"
	"sgfw/filter/match"
	"sgfw/policy"
	"sgfw/policy/member"
)

// Compiler turns policies into rulesets. It remembers which id each rule has
// and which scope each device, so that flows, which carry both, mean the same
// under the next ruleset. It keeps the matchers of the latest ruleset:
// recompilation is proportional to the change. One Compiler serves
// one Engine. It is not safe for concurrent use; its rulesets are.
type Compiler struct {
	generation uint64
	ids        map[ruleIdentity]match.RuleNumber // nil in a fork that compiled nothing yet
	rules      []RuleInfo
	free       []match.RuleNumber // of rules that were forgotten, see Engine.ForgetRules
	scopes     *scopes
	pending    *pendingRequests // nil until a policy exempts something
	// order has the ids of each group's rules as they stood in the latest
	// policy, by direction: most rules are where they were.
	order map[string]*[2][]match.RuleNumber
	// past is what was open so far under the rulesets that were in force.
	past *pastOpenings
	// matchers of the latest ruleset by what they were built from, see
	// compilation.matcher.
	matchers map[string]*match.Matcher
	// built counts the matchers that had to be built.
	built int
}

// ruleIdentity is what makes two rules of a policy the same rule (R3).
type ruleIdentity struct {
	group, acl string
	number     int
	action     policy.ACLAction
	direction  conntrack.Direction
	rule       policy.RuleID
}

// identity returns the identity of a rule.
func (r *RuleInfo) identity() ruleIdentity {
	return ruleIdentity{group: r.Group, acl: r.ACL, number: r.Number, action: r.Action,
		direction: r.Direction, rule: r.Rule.ID()}
}

// NewCompiler returns a Compiler that has compiled nothing yet.
func NewCompiler() *Compiler {
	return &Compiler{
		ids:    make(map[ruleIdentity]match.RuleNumber),
		rules:  make([]RuleInfo, 1), // NoRule
		scopes: newScopes(),
		past:   new(pastOpenings),
	}
}

// Fork returns a Compiler that goes on by itself from what c knows: it gives the rules and
// devices that there are the same numbers as c, and c never hears of those that are new.
// What it compiles is to be looked at and never published. It costs little, and needs c no
// more.
func (c *Compiler) Fork() *Compiler {
	fork := *c
	fork.ids = nil // see Compile: it takes a while
	fork.free = slices.Clone(c.free)
	fork.scopes = c.scopes.clone()
	return &fork
}

// identities are the ids of the rules; those that are free have none.
func (c *Compiler) identities() map[ruleIdentity]match.RuleNumber {
	ids := make(map[ruleIdentity]match.RuleNumber, len(c.rules))
	for id := 1; id < len(c.rules); id++ {
		ids[c.rules[id].identity()] = match.RuleNumber(id)
	}
	for _, id := range c.free {
		delete(ids, c.rules[id].identity())
	}
	return ids
}

// Compile compiles one policy for its own sake, as `explain -c` does: as if it were in
// force.
func Compile(p *policy.Policy, m *member.Membership) *Ruleset {
	rs := NewCompiler().Compile(p, m)
	rs.remember()
	return rs
}

// Compile compiles a valid policy with the members that its groups have now.
// A group or list that does not exist, or has no members, matches nothing (R33).
// The result knows no devices until [Ruleset.WithLinks].
func (c *Compiler) Compile(p *policy.Policy, m *member.Membership) *Ruleset {
	c.generation++
	if c.ids == nil {
		c.ids = c.identities()
	}
	// Earlier rulesets keep their own copy: theirs never changes.
	c.rules = slices.Clone(c.rules)
	for i := range c.rules {
		c.rules[i].Gone = true
	}

	job := compilation{
		Compiler: c, policy: p, members: m,
		groups: make(map[string]*groupGrants, len(p.Groups)),
		stand:  make(map[string]*[2][]match.RuleNumber, len(p.Groups)),
		pools:  make(map[string]*[2][2]*match.Matcher),
		wides:  make(map[string]*openRules),
		kept:   make(map[string]*match.Matcher),
	}
	for i := range p.Groups {
		job.read(&p.Groups[i])
	}
	rs := &Ruleset{generation: c.generation, policy: p, devices: p.Devices(), members: m,
		scopes: c.scopes}
	acls := job.networkACLs()
	rs.attachments = make([]attachmentTemplate, len(p.Interfaces))
	for i := range p.Interfaces {
		in := &p.Interfaces[i]
		inward := conntrack.Ingress
		if in.Mode == policy.ModeGuest {
			inward = conntrack.Egress
		}
		rs.attachments[i] = attachmentTemplate{
			iface: in,
			timeouts: conntrack.Timeouts{
				Established: in.Timeouts.TCPEstablished,
				HalfClosed:  in.Timeouts.HalfClosed(),
				UDP:         in.Timeouts.UDP,
				UDPStream:   in.Timeouts.UDPStream,
			},
			carried:  p.Settings.Offload.Lifetime,
			inward:   inward,
			wire:     in.View == policy.ViewWire,
			own:      newOwnAddresses(in),
			related:  p.Settings.ICMPErrors == policy.ICMPErrorsRelated,
			full:     withoutRoom(p.Settings),
			cut:      p.Settings.CutFailsafes,
			matchers: *job.pooled(in.Groups),
			acl:      acls[in.NetworkACL],
		}
		rs.attachments[i].remembered = rs.attachments[i].timeouts.Untracked()
		if p.Settings.Tracking == policy.TrackingAWS && in.Scope == "" {
			rs.attachments[i].open = job.openRules(in.Groups)
		}
	}
	// What was compiled may never be in force: Publish adds it to the past.
	rs.past, rs.openings = c.past, openingsOf(job.wides)
	for _, w := range job.wides {
		w.past = c.past
	}
	if p.Settings.Exempt != 0 && c.pending == nil {
		c.pending = newPendingRequests()
	}
	rs.exemptions = newExemptions(p.Settings.Exempt, nil, c.pending)
	rs.rules = c.rules
	c.matchers, c.order = job.kept, job.stand
	return rs
}

// Discard takes back the number of a ruleset that is not going to be published,
// if it was compiled last, so that generations count those that were.
func (c *Compiler) Discard(rs *Ruleset) {
	if rs.generation == c.generation {
		c.generation--
	}
}

// compilation is one run of Compile.
type compilation struct {
	*Compiler
	policy  *policy.Policy
	members *member.Membership
	groups  map[string]*groupGrants
	pools   map[string]*[2][2]*match.Matcher  // by sorted group names: interfaces share
	wides   map[string]*openRules             // likewise
	kept    map[string]*match.Matcher         // becomes Compiler.matchers
	stand   map[string]*[2][]match.RuleNumber // becomes Compiler.order
}

// groupGrants is what one group permits, by direction and family.
type groupGrants struct {
	group   *policy.Group
	grants  [2][2][]match.Grant
	digests [2][2][sha256.Size]byte
}

// read takes the rules of a group, also of one that is attached nowhere:
// listings show them.
func (c *compilation) read(g *policy.Group) {
	gg, ids := &groupGrants{group: g}, new([2][]match.RuleNumber)
	was := c.order[g.Name]
	if was == nil {
		was = new([2][]match.RuleNumber)
	}
	for d, rules := range [...][]policy.Rule{
		conntrack.Ingress: g.Ingress, conntrack.Egress: g.Egress} {
		ids[d] = make([]match.RuleNumber, len(rules))
		for j := range rules {
			guess := match.NoRule
			if j < len(was[d]) {
				guess = was[d][j]
			}
			info := RuleInfo{Group: g.Name, Direction: conntrack.Direction(d), Rule: rules[j]}
			ids[d][j] = c.number(info, guess)
			c.grant(&gg.grants[d], &rules[j], ids[d][j])
		}
		for f := range gg.grants[d] {
			gg.digests[d][f] = digest(gg.grants[d][f])
		}
	}
	c.groups[g.Name], c.stand[g.Name] = gg, ids
}

// poolName is the same for the same groups; names are sorted.
func poolName(names []string) string { return strings.Join(names, "\x00") }

// pooled returns the matchers for the union of the groups (D6); their order
// does not matter.
func (c *compilation) pooled(names []string) *[2][2]*match.Matcher {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	shared := poolName(names)
	if m, ok := c.pools[shared]; ok {
		return m
	}
	var groups []*groupGrants
	for _, n := range names {
		if g, ok := c.groups[n]; ok {
			groups = append(groups, g)
		}
	}
	m := new([2][2]*match.Matcher)
	for d := range m {
		for f := range m[d] {
			m[d][f] = c.matcher(groups, d, f)
		}
	}
	c.pools[shared] = m
	return m
}

// matcher returns the matcher for what the groups permit in one direction and
// family: the one that there is already, or a new one. The digests of all that
// goes into a matcher name it: rules, members and the entries of prefix lists
// have become prefixes by now, and rules keep their ids as long as they mean the
// same.
func (c *compilation) matcher(groups []*groupGrants, d, f int) *match.Matcher {
	name := make([]byte, 0, len(groups)*sha256.Size)
	n := 0
	for _, g := range groups {
		if k := len(g.grants[d][f]); k > 0 {
			name = append(name, g.digests[d][f][:]...)
			n += k
		}
	}
	m, ok := c.kept[string(name)]
	if ok {
		return m
	}
	if m, ok = c.matchers[string(name)]; !ok {
		all := make([]match.Grant, 0, n)
		for _, g := range groups {
			all = append(all, g.grants[d][f]...)
		}
		m = match.New(all)
		c.built++
	}
	c.kept[string(name)] = m
	return m
}

// number returns the rule's number, a new one if its identity was never seen. guess is that
// of the rule that stood in its place before, or NoRule.
func (c *compilation) number(info RuleInfo, guess match.RuleNumber) match.RuleNumber {
	identity := info.identity()
	id, ok := guess, guess != match.NoRule && identity == c.rules[guess].identity()
	if !ok {
		id, ok = c.ids[identity]
	}
	if !ok {
		if last := len(c.free) - 1; last >= 0 {
			id, c.free = c.free[last], c.free[:last]
		} else {
			id = match.RuleNumber(len(c.rules))
			c.rules = append(c.rules, RuleInfo{})
		}
		c.ids[identity] = id
	}
	c.rules[id] = info
	return id
}

// grant adds what a rule permits to the grants by family.
func (c *compilation) grant(grants *[2][]match.Grant, r *policy.Rule, id match.RuleNumber) {
	lo, hi := selectorRange(r)
	add := func(p netip.Prefix) {
		k, n := match.PrefixKey(p)
		f := family(conntrack.AddrFrom(p.Addr()))
		if r.Protocol == policy.ICMP && f == 1 || r.Protocol == policy.ICMPv6 && f == 0 {
			return // stays the ICMP of its name and matches nothing real (R12)
		}
		grants[f] = append(grants[f], match.Grant{
			Key: k, Bits: n, Span: match.Span{Lo: lo, Hi: hi, Rule: id}})
	}
	for _, p := range peerPrefixes(c.policy, c.members, &r.Peer) {
		add(p)
	}
}

// peerPrefixes returns the addresses that a peer stands for under the policy and
// its current members.
func peerPrefixes(p *policy.Policy, m *member.Membership, peer *policy.Peer) []netip.Prefix {
	switch peer.Kind {
	case policy.PeerCIDR:
		return []netip.Prefix{peer.CIDR}
	case policy.PeerPrefixList:
		for i := range p.PrefixLists {
			if l := &p.PrefixLists[i]; l.Name == peer.Name {
				out := make([]netip.Prefix, len(l.Entries))
				for j := range l.Entries {
					out[j] = l.Entries[j].CIDR
				}
				return out
			}
		}
	case policy.PeerGroup:
		return m.Addresses(peer.Name)
	}
	return nil
}
