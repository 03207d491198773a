package api

// GroupStatus is a group and how much of its quota it uses, in four counters as AWS
// keeps them (docs/aws.md Q2): a CIDR counts 1 in its family, a group 1 in each, a
// prefix list what it may hold.
type GroupStatus struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
	// Description, Tags and VPCID are what the policy says of the group to people.
	Description string            `json:"description"`
	Tags        map[string]string `json:"tags,omitempty"`
	VPCID       string            `json:"vpc_id,omitempty"`
	// Attached is true if an interface of the policy has the group.
	Attached bool  `json:"attached"`
	Ingress  Usage `json:"ingress"`
	Egress   Usage `json:"egress"`
	// Quota bounds each of the four numbers.
	Quota int `json:"quota"`
}

// PrefixListStatus is a prefix list and its size.
type PrefixListStatus struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
	// AddressFamily is IPv4 or IPv6; left out for a list that has neither entries nor a
	// family.
	AddressFamily string `json:"address_family,omitempty"`
	// Entries is how many there are, MaxEntries what a reference costs.
	Entries    int `json:"entries"`
	MaxEntries int `json:"max_entries"`
}

// Usage counts rules by family.
type Usage struct {
	IPv4 int `json:"ipv4"`
	IPv6 int `json:"ipv6"`
}
