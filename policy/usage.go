package policy

import "fmt"

// Usage is what a group or a network ACL costs, in the four counters that AWS keeps (Q2, N10).
type Usage struct {
	IngressIPv4, IngressIPv6, EgressIPv4, EgressIPv6 int
}

// Of returns the counter of one direction and family.
func (u Usage) Of(d Direction, f Family) int {
	switch {
	case d == Ingress && f == IPv4:
		return u.IngressIPv4
	case d == Ingress:
		return u.IngressIPv6
	case f == IPv4:
		return u.EgressIPv4
	}
	return u.EgressIPv6
}

// Usages counts the rules of each group as AWS does (Q3): a CIDR 1 in its family,
// a group 1 in each family, a prefix list its MaxEntries in its family. A list that
// is not there costs nothing; one without entries and family counts in both, since it
// may become either. Ports do not count: a range is one rule (Q5).
func (p *Policy) Usages() []Usage {
	lists := make(map[string]*PrefixList, len(p.PrefixLists))
	for i := range p.PrefixLists {
		lists[p.PrefixLists[i].Name] = &p.PrefixLists[i]
	}
	out := make([]Usage, len(p.Groups))
	for i := range p.Groups {
		g, u := &p.Groups[i], &out[i]
		for j := range g.Ingress {
			v4, v6 := cost(&g.Ingress[j].Peer, lists)
			u.IngressIPv4, u.IngressIPv6 = u.IngressIPv4+v4, u.IngressIPv6+v6
		}
		for j := range g.Egress {
			v4, v6 := cost(&g.Egress[j].Peer, lists)
			u.EgressIPv4, u.EgressIPv6 = u.EgressIPv4+v4, u.EgressIPv6+v6
		}
	}
	return out
}

// cost is what one rule counts in each family, by its peer.
func cost(peer *Peer, lists map[string]*PrefixList) (v4, v6 int) {
	switch peer.Kind {
	case PeerCIDR:
		if FamilyOf(peer.CIDR) == IPv4 {
			return 1, 0
		}
		return 0, 1
	case PeerGroup:
		return 1, 1
	case PeerPrefixList:
		if list := lists[peer.Name]; list != nil {
			in4, in6 := list.families()
			if in4 {
				v4 = list.MaxEntries
			}
			if in6 {
				v6 = list.MaxEntries
			}
		}
	}
	return v4, v6
}

// near reports whether four fifths of a quota are used.
func near(used, quota int) bool { return used >= quota-quota/5 }

// counters checks the rules of one direction of a group against the quota of each
// family (Q1, Q2). The excess is reported at the first rule beyond the quota.
func (v *validator) counters(g *Group, d Direction) {
	var used [2]int // IPv4, IPv6
	var beyond [2]*Rule
	rules := g.Rules(d)
	for i := range rules {
		v4, v6 := cost(&rules[i].Peer, v.lists)
		for f, n := range [2]int{v4, v6} {
			used[f] += n
			if used[f] > v.q.RulesPerGroup && beyond[f] == nil {
				beyond[f] = &rules[i]
			}
		}
	}
	for f, family := range [2]Family{IPv4, IPv6} {
		switch {
		case beyond[f] != nil:
			pos, field := beyond[f].Peer.Pos, ""
			if pos == (Pos{}) {
				pos, field = g.Pos, d.String()
			}
			v.errorf(pos, field, RulesLimitExceeded,
				"a CIDR counts 1, a group 1 in each family, a prefix list its max_entries; split the group, "+
					"or raise quotas.rules_per_security_group",
				"group %s has %d %s rules for %s, at most %d", Quote(g.Name), used[f], d, family,
				v.q.RulesPerGroup)
		case near(used[f], v.q.RulesPerGroup):
			v.nearFull = append(v.nearFull, fullCounter{g, d, family, used[f]})
		}
	}
}

// fullCounter is a counter of a group that is nearly used up.
type fullCounter struct {
	group     *Group
	direction Direction
	family    Family
	used      int
}

// nearFullListed is how many such counters are noticed one by one. A generated policy
// may have one in each group: it is told once.
const nearFullListed = 3

// fullCounters notices the counters of all groups that are nearly used up.
func (v *validator) fullCounters() {
	if len(v.nearFull) == 0 {
		return
	}
	text := func(c fullCounter) string {
		return fmt.Sprintf("%d of %d %s rules for %s", c.used, v.q.RulesPerGroup, c.direction, c.family)
	}
	const key = "rules_per_security_group"
	if len(v.nearFull) <= nearFullListed {
		for _, c := range v.nearFull {
			v.nearly(c.group.Pos, c.direction.String(), key, "group %s uses %s", Quote(c.group.Name),
				text(c))
		}
		return
	}
	groups := make(map[*Group]bool)
	fullest := v.nearFull[0]
	for _, c := range v.nearFull {
		groups[c.group] = true
		if c.used > fullest.used {
			fullest = c
		}
	}
	v.nearly(fullest.group.Pos, fullest.direction.String(), key,
		"%d groups are close to their quota; the fullest is %s with %s", len(groups),
		Quote(fullest.group.Name), text(fullest))
}

// totals checks how many prefix lists and groups there are (R26, Q7). AWS has no
// code of its own for lists.
func (v *validator) totals() {
	total(v, "prefix lists", "prefix_lists", "", v.q.PrefixLists, v.p.PrefixLists,
		func(l *PrefixList) Pos { return l.Pos })
	total(v, "security groups", "security_groups", GroupLimitExceeded, v.q.Groups, v.p.Groups,
		func(g *Group) Pos { return g.Pos })
}

// total reports the first part beyond its quota.
func total[T any](v *validator, what, key string, code Code, quota int, parts []T,
	pos func(*T) Pos) {
	switch n := len(parts); {
	case n > quota:
		v.errorf(pos(&parts[quota]), "", code, fmt.Sprintf("at most %d, see quotas.%s", quota, key),
			"%d %s", n, what)
	case near(n, quota):
		v.nearly(pos(&parts[n-1]), "", key, "%d of %d %s", n, quota, what)
	}
}

// nearly notices that a quota is almost used up. Groups on an interface and the size of
// a list are chosen and do not grow by themselves, so they have no such notice.
func (v *validator) nearly(pos Pos, field, key, format string, a ...any) {
	if !v.found.Full(SeverityNotice) {
		v.found.Add(Problem{Pos: pos, Field: field, Severity: SeverityNotice,
			Message: fmt.Sprintf(format, a...),
			Hint:    "beyond that the policy is refused; see quotas." + key})
	}
}
