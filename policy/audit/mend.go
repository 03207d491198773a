package audit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sgfw/policy"
)

// Mend is a change of a policy that a finding asks for: it changes no packet's fate, or none
// of those that were seen.
type Mend struct {
	// Code is the check's, and Pos where the finding is.
	Code string
	Pos  policy.Pos
	// Why says in a few words why nothing breaks.
	Why string
	// Observed is true if only what a daemon has seen says so, false if the policy does.
	Observed bool
	// Group has the rules that go; without rules it goes as a whole.
	Group     *policy.Group
	Direction policy.Direction
	Rules     []*policy.Rule
	// Blocks are written in place of the block that the rules are, as items of YAML.
	Blocks []string
	// Peers are written in place of the CIDRs of the rules, nil for none.
	Peers []netip.Prefix
	// Adds are the rules that Blocks or Peers are.
	Adds []policy.RuleID
}

// fix is what can be written for a finding, see [Mend].
type fix struct {
	why    string
	seen   bool
	blocks []string
	peers  []netip.Prefix
	adds   []policy.RuleID
}

// repair are the mends of one policy in the making.
type repair struct {
	*auditor
	// gone are the rules that go, changed those that become others, and spelled those that
	// are written in another way.
	gone, changed, spelled map[*policy.Rule]bool
	out                    []Mend
}

// Mends are the changes that the findings ask for which are told, in an order in which each
// is right after those before it. What has been seen is kept first; a rule that others cover
// goes only if those stay as they are.
func (r *Report) Mends() []Mend {
	m := &repair{auditor: r.auditor, gone: map[*policy.Rule]bool{}, changed: map[*policy.Rule]bool{},
		spelled: map[*policy.Rule]bool{}}
	for _, step := range []func(*Finding){m.unused, m.narrow, m.covered, m.empty} {
		for i := range r.Findings {
			step(&r.Findings[i])
		}
	}
	m.whole()
	m.groups(r.Findings)
	return m.out
}

// add remembers a change about rules of one group and direction.
func (m *repair) add(f *Finding, x Mend, rules []entry) {
	x.Code, x.Pos, x.Direction = f.Check.Code, f.Pos, f.direction
	for _, e := range rules {
		x.Rules, x.Group = append(x.Rules, e.Rule), e.group.Group
	}
	m.out = append(m.out, x)
}

// touched reports whether something has become of one of the rules.
func (m *repair) touched(rules []entry) bool {
	return slices.ContainsFunc(rules, func(e entry) bool {
		return m.gone[e.Rule] || m.changed[e.Rule] || m.spelled[e.Rule]
	})
}

func (m *repair) unused(f *Finding) {
	if f.Check.Code != unusedRule || f.fix == nil {
		return
	}
	for _, e := range f.rules {
		m.gone[e.Rule] = true
	}
	m.add(f, Mend{Why: f.fix.why, Observed: true}, f.rules)
}

// narrow writes rules anew: those of [auditor.wider], [auditor.sources] and [auditor.parts].
func (m *repair) narrow(f *Finding) {
	if f.Check.Code != wideUse && f.Check.Code != worldInParts || f.fix == nil || m.touched(f.rules) {
		return
	}
	become := m.changed
	if f.Check.Code == worldInParts {
		become = m.spelled
	}
	for _, e := range f.rules {
		become[e.Rule] = true
	}
	m.add(f, Mend{Why: f.fix.why, Observed: f.Check.Code == wideUse, Blocks: f.fix.blocks,
		Peers: f.fix.peers, Adds: f.fix.adds}, f.rules)
}

// covered takes rules away that others of their group make superfluous which stay.
func (m *repair) covered(f *Finding) {
	if f.Check.Code != shadowed && f.Check.Code != duplicate || m.touched(f.rules) {
		return
	}
	e := f.rules[0]
	rest := []entry{e}
	for _, o := range e.group.alone.sides[f.direction].rules {
		if o.Rule != e.Rule && !m.gone[o.Rule] && !m.changed[o.Rule] && m.unlike(e, o) {
			rest = append(rest, o)
		}
	}
	by := several
	if j := single(rest, 0); j >= 0 {
		by = func([]entry, int) []int { return []int{j} }
	}
	others := by(rest, 0)
	if len(others) == 0 {
		return // only together with another group of the interface
	}
	var texts []string
	for _, j := range others {
		texts = append(texts, rest[j].String())
	}
	m.gone[e.Rule] = true
	m.add(f, Mend{Why: "permitted by " + abridged(texts, ", ")}, f.rules)
}

// unlike reports whether one rule may stand for another one, packets aside: where tracking is
// as in AWS a rule for everybody leaves flows untracked (T2), and only one like it does, too.
func (m *repair) unlike(e, by entry) bool {
	if m.p.Settings.Tracking != policy.TrackingAWS {
		return true
	}
	for _, f := range families {
		if e.anybody(f) {
			return by.anybody(f) && by.span.Lo <= e.span.Lo && e.span.Hi <= by.span.Hi
		}
	}
	return true
}

// empty takes rules away that match nothing.
func (m *repair) empty(f *Finding) {
	if f.Check.Code != stalePeer && f.Check.Code != deadICMP || m.touched(f.rules) {
		return
	}
	e := f.rules[0]
	if f.Check.Code == deadICMP && !e.peers.Empty() {
		return // it would match a packet that nobody should send
	}
	m.gone[e.Rule] = true
	why, _, _ := strings.Cut(f.Message, ": the rule matches nothing")
	m.add(f, Mend{Why: why}, f.rules)
}

// whole keeps rules of a block that cannot be taken out of it: one for a port and a peer that
// the block has for other peers and ports, too.
func (m *repair) whole() {
	type cell struct {
		pos      policy.Pos
		from, to int
		peer     policy.Peer
	}
	stays := map[any]bool{}
	port := func(r *policy.Rule) any { return cell{pos: r.Pos, from: r.From, to: r.To} }
	peer := func(r *policy.Rule) any {
		p := r.Peer
		return cell{pos: r.Pos, peer: p, from: -2}
	}
	for _, g := range m.auditor.groups {
		for _, d := range directions {
			rules := g.Rules(d)
			for i := range rules {
				if r := &rules[i]; !m.gone[r] {
					stays[port(r)], stays[peer(r)] = true, true
				}
			}
		}
	}
	m.out = slices.DeleteFunc(m.out, func(x Mend) bool {
		if len(x.Adds) > 0 || len(x.Rules) != 1 || !stays[port(x.Rules[0])] || !stays[peer(x.Rules[0])] {
			return false
		}
		delete(m.gone, x.Rules[0])
		return true
	})
}

// groups takes groups away that are attached to nothing, if no rule that stays names them.
func (m *repair) groups(found []Finding) {
	gone := map[string]*Finding{}
	for i := range found {
		if f := &found[i]; f.Check.Code == unusedGroup {
			gone[f.Group] = f
		}
	}
	for again := true; again; {
		again = false
		for _, g := range m.auditor.groups {
			if gone[g.Name] != nil {
				continue
			}
			for _, d := range directions {
				rules := g.Rules(d)
				for i := range rules {
					if p := rules[i].Peer; p.Kind == policy.PeerGroup && gone[p.Name] != nil &&
						!m.gone[&rules[i]] {
						delete(gone, p.Name)
						again = true
					}
				}
			}
		}
	}
	m.out = slices.DeleteFunc(m.out, func(x Mend) bool { return gone[x.Group.Name] != nil })
	for i := range found {
		f := &found[i]
		if f.Check.Code == unusedGroup && gone[f.Group] != nil {
			m.out = append(m.out, Mend{Code: unusedGroup, Pos: f.Pos, Group: m.byName[f.Group].Group,
				Why: "no interface and no peer has it"})
		}
	}
}

// parts looks for networks of a block that are all addresses together.
func (a *auditor) parts(g *examined) {
	for d := range g.alone.sides {
		s := &g.alone.sides[d]
		for i := 0; i < len(s.rules); {
			j := i + 1
			for j < len(s.rules) && sameBlock(s.rules[i], s.rules[j]) {
				j++
			}
			for _, f := range families {
				a.partsOf(g, s, s.rules[i:j], f)
			}
			i = j
		}
	}
}

// partsOf looks at the networks of one family of a block, which are the same for each of its
// ports.
func (a *auditor) partsOf(g *examined, s *side, block []entry, family policy.Family) {
	var of []entry
	all := policy.AnyIPv4
	if family == policy.IPv6 {
		all = policy.AnyIPv6
	}
	for _, e := range block {
		if e.Peer.Kind != policy.PeerCIDR || policy.FamilyOf(e.Peer.CIDR) != family {
			continue
		}
		if e.anybody(family) {
			return
		}
		of = append(of, e)
	}
	n := 0
	for n < len(of) && sameTraffic(of[n].Rule, of[0].Rule) {
		n++
	}
	if n < 2 {
		return
	}
	peers := of[0].peers
	for _, e := range of[1:n] {
		peers = peers.Union(e.peers)
	}
	if peers.Share(family) < 1 {
		return
	}
	f := g.alone.about(s.direction, of...)
	f.Message = fmt.Sprintf("%d networks of the rule are %s together", n, all)
	described := slices.ContainsFunc(of, func(e entry) bool { return e.Peer.Described })
	// A rule for everybody would leave flows untracked (T2).
	if !described && a.p.Settings.Tracking != policy.TrackingAWS {
		f.fix = &fix{why: "the same addresses", peers: []netip.Prefix{all}}
		for i := 0; i < len(of); i += n {
			rule := *of[i].Rule
			rule.Peer = policy.Peer{CIDR: all}
			f.fix.adds = append(f.fix.adds, rule.ID())
		}
	}
	a.add(f, worldInParts)
}
