package control

import (
	"slices"

	"sgfw/policy"
)

// Quotas says how much of each quota a policy uses (docs/aws.md Q1, Q6, Q7, R26).
// Where a quota holds for many parts, Used is that of the fullest.
type Quotas struct {
	// RulesPerSecurityGroup holds for four counters of each group, which Groups lists.
	RulesPerSecurityGroup      QuotaStatus `json:"rules_per_security_group"`
	SecurityGroupsPerInterface QuotaStatus `json:"security_groups_per_interface"`
	SecurityGroups             QuotaStatus `json:"security_groups"`
	PrefixLists                QuotaStatus `json:"prefix_lists"`
	// PrefixListEntries is about what lists may hold, not what they do.
	PrefixListEntries QuotaStatus `json:"prefix_list_entries"`
}

// QuotaStatus is one quota and what is used of it.
type QuotaStatus struct {
	Used  int `json:"used"`
	Quota int `json:"quota"`
}

// QuotasOf counts what a valid policy uses.
func QuotasOf(p *policy.Policy) Quotas {
	q := Quotas{
		RulesPerSecurityGroup:      QuotaStatus{Quota: p.Quotas.RulesPerGroup},
		SecurityGroupsPerInterface: QuotaStatus{Quota: p.Quotas.GroupsPerInterface},
		SecurityGroups:             QuotaStatus{Used: len(p.Groups), Quota: p.Quotas.Groups},
		PrefixLists:                QuotaStatus{Used: len(p.PrefixLists), Quota: p.Quotas.PrefixLists},
		PrefixListEntries:          QuotaStatus{Quota: p.Quotas.PrefixListEntries},
	}
	fullest := func(s *QuotaStatus, n ...int) { s.Used = max(s.Used, slices.Max(n)) }
	for _, u := range p.Usages() {
		fullest(&q.RulesPerSecurityGroup, u.IngressIPv4, u.IngressIPv6, u.EgressIPv4, u.EgressIPv6)
	}
	for i := range p.Interfaces {
		fullest(&q.SecurityGroupsPerInterface, len(p.Interfaces[i].Groups))
	}
	for i := range p.Remotes {
		fullest(&q.SecurityGroupsPerInterface, len(p.Remotes[i].Groups))
	}
	for i := range p.PrefixLists {
		fullest(&q.PrefixListEntries, p.PrefixLists[i].MaxEntries)
	}
	return q
}

// Groups lists the groups of a valid policy with what they use of their quotas.
func Groups(p *policy.Policy) []GroupStatus {
	attached := make(map[string]bool)
	for i := range p.Interfaces {
		for _, name := range p.Interfaces[i].Groups {
			attached[name] = true
		}
	}
	out := []GroupStatus{}
	for i, u := range p.Usages() {
		name := p.Groups[i].Name
		out = append(out, GroupStatus{
			Name: name, ID: p.IDs.Group(name), Quota: p.Quotas.RulesPerGroup,
			Ingress:  Usage{IPv4: u.IngressIPv4, IPv6: u.IngressIPv6},
			Egress:   Usage{IPv4: u.EgressIPv4, IPv6: u.EgressIPv6},
			Attached: attached[name],
		})
	}
	return out
}
