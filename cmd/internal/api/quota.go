package api

// Quotas says how much of each quota a policy uses (docs/aws.md Q1, Q6, Q7, R26, N10).
// Where a quota holds for many parts, Used is that of the fullest.
type Quotas struct {
	// RulesPerSecurityGroup holds for four counters of each group, which Groups lists.
	RulesPerSecurityGroup      QuotaStatus `json:"rules_per_security_group"`
	SecurityGroupsPerInterface QuotaStatus `json:"security_groups_per_interface"`
	SecurityGroups             QuotaStatus `json:"security_groups"`
	PrefixLists                QuotaStatus `json:"prefix_lists"`
	// PrefixListEntries is about what lists may hold, not what they do.
	PrefixListEntries QuotaStatus `json:"prefix_list_entries"`
	NetworkACLs       QuotaStatus `json:"network_acls"`
	// RulesPerNetworkACL holds for four counters of each network ACL, which count the rule *.
	RulesPerNetworkACL QuotaStatus `json:"rules_per_network_acl"`
}

// QuotaStatus is one quota and what is used of it.
type QuotaStatus struct {
	Used  int `json:"used"`
	Quota int `json:"quota"`
}
