package api

// NetworkACLStatus is a network ACL and how much of its quota it uses (docs/aws.md N10).
type NetworkACLStatus struct {
	Name string            `json:"name"`
	ID   string            `json:"id,omitempty"`
	Tags map[string]string `json:"tags,omitempty"`
	// Default is true for the list that every policy has: the file does not define it.
	Default bool `json:"default,omitempty"`
	// Interfaces are the devices or patterns of the policy that have it, in its order; empty
	// for a list that judges nothing.
	Interfaces []string `json:"interfaces"`
	// Ingress and Egress count the rule * of each family, as the quota does.
	Ingress Usage `json:"ingress"`
	Egress  Usage `json:"egress"`
	// Quota bounds each of the four numbers.
	Quota int `json:"quota"`
}
