package filter

import (
	"net/netip"
	"slices"
	"strings"

	"sgfw/conntrack"
	"sgfw/policy"
	"sgfw/policy/member"
)

// Compiler turns policies into rulesets. It remembers which id each rule has
// and which scope each device, so that flows, which carry both, mean the same
// under the next ruleset. One Compiler serves one Engine. It is not safe for
// concurrent use; its rulesets are.
type Compiler struct {
	generation uint64
	ids        map[ruleIdentity]RuleID
	rules      []RuleInfo
	scopes     *scopes
}

// ruleIdentity is what makes two rules the same rule (aws-semantics R3):
// description and place in the file are not part of it.
type ruleIdentity struct {
	group     string
	direction conntrack.Direction
	protocol  policy.Protocol
	from, to  int
	kind      policy.PeerKind
	cidr      netip.Prefix
	name      string
}

// NewCompiler returns a Compiler that has compiled nothing yet.
func NewCompiler() *Compiler {
	return &Compiler{
		ids:    make(map[ruleIdentity]RuleID),
		rules:  make([]RuleInfo, 1), // NoRule
		scopes: newScopes(),
	}
}

// Compile compiles one policy for its own sake, as `explain -c` does.
func Compile(p *policy.Policy, m *member.Membership) *Ruleset { return NewCompiler().Compile(p, m) }

// Compile compiles a valid policy with the members that its groups have now.
// A group or list that does not exist, or has no members, matches nothing (R33).
// The result knows no devices until [Ruleset.WithLinks].
func (c *Compiler) Compile(p *policy.Policy, m *member.Membership) *Ruleset {
	c.generation++
	// Earlier rulesets keep their own copy: theirs never changes.
	c.rules = slices.Clone(c.rules)
	for i := range c.rules {
		c.rules[i].Gone = true
	}

	job := compilation{Compiler: c, policy: p, members: m, matchers: make(map[string]*[2][2]*matcher)}
	rs := &Ruleset{generation: c.generation, policy: p, members: m, scopes: c.scopes}
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
				UDP:         in.Timeouts.UDP,
				UDPStream:   in.Timeouts.UDPStream,
			},
			inward:   inward,
			own:      ownAddresses(in),
			related:  p.Settings.ICMPErrors == policy.ICMPErrorsRelated,
			matchers: *job.pooled(in.Groups),
		}
	}
	// Groups that are attached nowhere have rules, too: listings show them.
	for i := range p.Groups {
		job.identify(&p.Groups[i])
	}
	rs.rules = c.rules
	return rs
}

// compilation is one run of Compile.
type compilation struct {
	*Compiler
	policy   *policy.Policy
	members  *member.Membership
	matchers map[string]*[2][2]*matcher // by sorted group names: interfaces share
}

// pooled returns the matchers for the union of the groups (D6); their order
// does not matter.
func (c *compilation) pooled(groups []string) *[2][2]*matcher {
	names := slices.Compact(slices.Sorted(slices.Values(groups)))
	shared := strings.Join(names, "\x00")
	if m, ok := c.matchers[shared]; ok {
		return m
	}
	var grants [2][2][]grant
	for i := range c.policy.Groups {
		g := &c.policy.Groups[i]
		if _, attached := slices.BinarySearch(names, g.Name); !attached {
			continue
		}
		for d, rules := range [...][]policy.Rule{conntrack.Ingress: g.Ingress, conntrack.Egress: g.Egress} {
			for j := range rules {
				c.grant(&grants[d], &rules[j], c.id(g.Name, conntrack.Direction(d), &rules[j]))
			}
		}
	}
	m := new([2][2]*matcher)
	for d := range m {
		for f := range m[d] {
			m[d][f] = newMatcher(grants[d][f])
		}
	}
	c.matchers[shared] = m
	return m
}

func (c *compilation) identify(g *policy.Group) {
	for i := range g.Ingress {
		c.id(g.Name, conntrack.Ingress, &g.Ingress[i])
	}
	for i := range g.Egress {
		c.id(g.Name, conntrack.Egress, &g.Egress[i])
	}
}

// id returns the rule's id, a new one if its identity was never seen.
func (c *compilation) id(group string, d conntrack.Direction, r *policy.Rule) RuleID {
	identity := ruleIdentity{
		group: group, direction: d, protocol: r.Protocol, from: r.From, to: r.To,
		kind: r.Peer.Kind, cidr: r.Peer.CIDR, name: r.Peer.Name,
	}
	id, ok := c.ids[identity]
	if !ok {
		id = RuleID(len(c.rules))
		c.ids[identity] = id
		c.rules = append(c.rules, RuleInfo{})
	}
	c.rules[id] = RuleInfo{Group: group, Direction: d, Rule: *r}
	return id
}

// grant adds what a rule permits to the grants by family.
func (c *compilation) grant(grants *[2][]grant, r *policy.Rule, id RuleID) {
	lo, hi := selectorRange(r)
	add := func(p netip.Prefix) {
		k, n := prefixKey(p)
		f := family(conntrack.AddrFrom(p.Addr()))
		if r.Protocol == policy.ICMP && f == 1 || r.Protocol == policy.ICMPv6 && f == 0 {
			return // stays the ICMP of its name and matches nothing real (R12)
		}
		grants[f] = append(grants[f], grant{key: k, bits: n, span: span{lo: lo, hi: hi, rule: id}})
	}
	for _, p := range peerPrefixes(c.policy, c.members, &r.Peer) {
		add(p)
	}
}

// peerPrefixes returns the addresses that a peer stands for now.
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
		addrs := m.Addresses(peer.Name)
		out := make([]netip.Prefix, len(addrs))
		for i, a := range addrs {
			out[i] = netip.PrefixFrom(a, a.BitLen())
		}
		return out
	}
	return nil
}
