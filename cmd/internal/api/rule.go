package api

import "time"

// RuleRef names one rule of the policy.
type RuleRef struct {
	// ID is the rule's, the same as long as its direction, protocol, ports and peer
	// are (docs/aws.md R3). IDs are left out where a file is explained that no
	// daemon of this machine could enforce.
	ID string `json:"id,omitempty"`
	// Group is left out for a rule of a network ACL.
	Group   string `json:"group,omitempty"`
	GroupID string `json:"group_id,omitempty"`
	// NetworkACL, Number and Action are left out for a rule of a group. Number is 32767 or
	// 32768 for the last rule of IPv4 or IPv6, which AWS shows as *.
	NetworkACL   string `json:"network_acl,omitempty"`
	NetworkACLID string `json:"network_acl_id,omitempty"`
	Number       int    `json:"rule_number,omitempty"`
	Action       string `json:"action,omitempty"`
	Direction    string `json:"direction"`
	// Index is the rule's place in its list of the file, from 0; -1 for the
	// rules that AWS creates, of a group whose file names none.
	Index       int    `json:"index"`
	Description string `json:"description,omitempty"`
	// Tags are what the policy says of the rule to other tools.
	Tags     map[string]string `json:"tags,omitempty"`
	Protocol string            `json:"protocol"`
	// Ports are the destination ports, or type and code of ICMP; empty for all.
	Ports string `json:"ports,omitempty"`
	Peer  string `json:"peer"`
	// PeerID is that of the group or prefix list that Peer names.
	PeerID string `json:"peer_id,omitempty"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	// Gone is true for a rule that admitted a live flow and has been removed since.
	Gone bool `json:"gone,omitempty"`
}

// RulesQuery selects rules: those for which everything that is given holds. The
// zero value selects all.
type RulesQuery struct {
	// Group is the rule's group, by name or ID.
	Group string `json:"group,omitempty"`
	// Unused selects the rules in force that have admitted nothing yet.
	Unused bool `json:"unused,omitempty"`
}

// RulesReply lists the rules in force and those removed ones that still carry
// flows.
type RulesReply struct {
	Schema     string `json:"schema"`
	Generation uint64 `json:"generation"`
	// Since is from when on hits count: the start of the daemon, or of the first one whose
	// flows were taken over by the next.
	Since time.Time  `json:"since"`
	Rules []RuleHits `json:"rules"`
}

// RuleHits is a rule and what it did.
type RuleHits struct {
	RuleRef
	// Attached is true if an interface of the policy has the rule's group.
	Attached bool `json:"attached"`
	// Hits counts the packets that the rule admitted: the first of each tracked flow,
	// and all of its direction in others. Where
	// several rules permit a packet one of them is counted. Those of a rule of a network
	// ACL are all packets that it decided about, denied ones too.
	Hits    uint64     `json:"hits"`
	LastHit *time.Time `json:"last_hit,omitempty"`
	// Flows is how many live flows the rule admitted.
	Flows int `json:"flows"`
}
