package explain

import (
	"slices"
	"strings"

	"sgfw/cmd/internal/api"
	"sgfw/policy"
)

// QuotasOf counts what a valid policy uses.
func QuotasOf(p *policy.Policy) api.Quotas {
	q := api.Quotas{
		RulesPerSecurityGroup:      api.QuotaStatus{Quota: p.Quotas.RulesPerGroup},
		SecurityGroupsPerInterface: api.QuotaStatus{Quota: p.Quotas.GroupsPerInterface},
		SecurityGroups:             api.QuotaStatus{Used: len(p.Groups), Quota: p.Quotas.Groups},
		PrefixLists: api.QuotaStatus{
			Used: len(p.PrefixLists), Quota: p.Quotas.PrefixLists},
		PrefixListEntries:  api.QuotaStatus{Quota: p.Quotas.PrefixListEntries},
		NetworkACLs:        api.QuotaStatus{Used: len(p.NetworkACLs), Quota: p.Quotas.NetworkACLs},
		RulesPerNetworkACL: api.QuotaStatus{Quota: p.Quotas.RulesPerNetworkACL},
	}
	fullest := func(s *api.QuotaStatus, n ...int) { s.Used = max(s.Used, slices.Max(n)) }
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
	for i := range p.NetworkACLs {
		u := p.NetworkACLs[i].Usage()
		fullest(&q.RulesPerNetworkACL, u.IngressIPv4, u.IngressIPv6, u.EgressIPv4, u.EgressIPv6)
	}
	return q
}

// Groups lists the groups of a valid policy with what they use of their quotas.
func Groups(p *policy.Policy) []api.GroupStatus {
	attached := make(map[string]bool)
	for i := range p.Interfaces {
		for _, name := range p.Interfaces[i].Groups {
			attached[name] = true
		}
	}
	out := []api.GroupStatus{}
	for i, u := range p.Usages() {
		name := p.Groups[i].Name
		out = append(out, api.GroupStatus{
			Name: name, ID: p.IDs.Group(name), Quota: p.Quotas.RulesPerGroup,
			Description: p.Groups[i].Description, Tags: p.Groups[i].Tags, VPCID: p.Groups[i].VPCID,
			Ingress:  api.Usage{IPv4: u.IngressIPv4, IPv6: u.IngressIPv6},
			Egress:   api.Usage{IPv4: u.EgressIPv4, IPv6: u.EgressIPv6},
			Attached: attached[name],
		})
	}
	return out
}

// InterfaceID is the ID of an interface of the policy, "" for a pattern: each device
// that it covers has its own.
func InterfaceID(p *policy.Policy, device string) string {
	if strings.HasSuffix(device, "*") {
		return ""
	}
	return p.IDs.Interface(device)
}

// Preset is the preset of a policy, nil for none.
func Preset(p *policy.Policy) *api.Preset {
	if p.Settings.Preset == policy.NoPreset {
		return nil
	}
	return &api.Preset{Name: p.Settings.Preset.String(),
		Departures: append([]string{}, p.Departures()...)}
}

// PrefixLists lists the prefix lists of a policy.
func PrefixLists(p *policy.Policy) []api.PrefixListStatus {
	out := []api.PrefixListStatus{}
	for i := range p.PrefixLists {
		l := &p.PrefixLists[i]
		status := api.PrefixListStatus{
			Name: l.Name, ID: p.IDs.PrefixList(l.Name), Entries: len(l.Entries), MaxEntries: l.MaxEntries}
		if f, known := l.FamilyOf(); known {
			status.AddressFamily = f.String()
		}
		out = append(out, status)
	}
	return out
}

// NetworkACLs lists the network ACLs of a valid policy with the interfaces that have them and
// what they use of their quotas.
func NetworkACLs(p *policy.Policy) []api.NetworkACLStatus {
	out := []api.NetworkACLStatus{}
	for i := range p.NetworkACLs {
		n := &p.NetworkACLs[i]
		u := n.Usage()
		status := api.NetworkACLStatus{
			Name: n.Name, ID: p.IDs.NetworkACL(n.Name), Tags: n.Tags, Default: n.Default,
			Interfaces: []string{}, Quota: p.Quotas.RulesPerNetworkACL,
			Ingress: api.Usage{IPv4: u.IngressIPv4, IPv6: u.IngressIPv6},
			Egress:  api.Usage{IPv4: u.EgressIPv4, IPv6: u.EgressIPv6},
		}
		for j := range p.Interfaces {
			if in := &p.Interfaces[j]; in.NetworkACL == n.Name {
				status.Interfaces = append(status.Interfaces, in.Device)
			}
		}
		out = append(out, status)
	}
	return out
}
