package policy

import "fmt"

// Quotas are AWS's limits on how much a policy may hold. All are adjustable
// there and here (Q9); [DefaultQuotas] are what a new account has.
type Quotas struct {
	// RulesPerGroup holds for each of four counters of a group: direction by
	// family (Q1, Q2).
	RulesPerGroup int
	// GroupsPerInterface is at most 16 in AWS (Q6).
	GroupsPerInterface int
	// Groups is how many groups there may be (Q7).
	Groups int
	// PrefixLists and PrefixListEntries bound the lists and the size of each (R26).
	PrefixLists, PrefixListEntries int
}

// DefaultQuotas are AWS's defaults.
var DefaultQuotas = Quotas{
	RulesPerGroup:      60,
	GroupsPerInterface: 5,
	Groups:             2500,
	PrefixLists:        100,
	PrefixListEntries:  1000,
}

const (
	// MaxGroupsPerInterface is as far as AWS raises GroupsPerInterface (Q6).
	MaxGroupsPerInterface = 16
	// MaxRulesPerInterface bounds RulesPerGroup × GroupsPerInterface: raising one
	// lowers the ceiling of the other (Q6).
	MaxRulesPerInterface = 1000
)

// Err says why AWS would not grant the quotas, nil when it would.
func (q Quotas) Err() error {
	switch {
	case q.RulesPerGroup < 1 || q.GroupsPerInterface < 1 || q.Groups < 1 || q.PrefixLists < 1 || q.PrefixListEntries < 1:
		return fmt.Errorf("quotas begin at 1")
	case q.GroupsPerInterface > MaxGroupsPerInterface:
		return fmt.Errorf("%d groups per interface: at most %d", q.GroupsPerInterface, MaxGroupsPerInterface)
	case q.RulesPerGroup > MaxRulesPerInterface/q.GroupsPerInterface:
		return fmt.Errorf("%d rules per group × %d groups per interface: at most %d",
			q.RulesPerGroup, q.GroupsPerInterface, MaxRulesPerInterface)
	}
	return nil
}

// Usage is what a group costs, in the four counters that AWS keeps (Q2).
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

// Usage counts a group's rules as AWS does (Q3): a CIDR 1 in its family, a group
// 1 in each family, a prefix list its MaxEntries in its family. A list that is
// not there costs nothing; one without entries counts in both families, since
// it may become either.
func (p *Policy) Usage(g *Group) Usage {
	lists := make(map[string]*PrefixList, len(p.PrefixLists))
	for i := range p.PrefixLists {
		lists[p.PrefixLists[i].Name] = &p.PrefixLists[i]
	}
	return usage(g, lists)
}

func usage(g *Group, lists map[string]*PrefixList) Usage {
	count := func(rules []Rule) (v4, v6 int) {
		for i := range rules {
			switch peer := &rules[i].Peer; peer.Kind {
			case PeerCIDR:
				if FamilyOf(peer.CIDR) == IPv4 {
					v4++
				} else {
					v6++
				}
			case PeerGroup:
				v4++
				v6++
			case PeerPrefixList:
				if list := lists[peer.Name]; list != nil {
					in4, in6 := list.families()
					if in4 {
						v4 += list.MaxEntries
					}
					if in6 {
						v6 += list.MaxEntries
					}
				}
			}
		}
		return v4, v6
	}
	var u Usage
	u.IngressIPv4, u.IngressIPv6 = count(g.Ingress)
	u.EgressIPv4, u.EgressIPv6 = count(g.Egress)
	return u
}
