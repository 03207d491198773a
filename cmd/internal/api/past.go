package api

import "time"

// Past is what a policy would have made of what the daemon remembers, where it is other than
// what the policy in force makes of it: of packets that began something, by a rule, and of
// those that no rule or a network ACL refused. Packets of flows that are not tracked are not
// remembered.
type Past struct {
	// Since is the time of the oldest packet that is remembered, Seconds how long ago that is.
	Since   time.Time `json:"since"`
	Seconds int64     `json:"seconds"`
	// Packets is how many are remembered, Lost how many came too fast to be.
	Packets uint64 `json:"packets"`
	Lost    uint64 `json:"lost"`
	// Refused are let in by the policy in force and would not be, Admitted the reverse.
	Refused  PastConnections `json:"refused"`
	Admitted PastConnections `json:"admitted"`
}

// PastConnections are equal tries of connections, those with most tries first.
type PastConnections struct {
	// Count is how many tries there were in all.
	Count uint64 `json:"count"`
	// List has some of them.
	List []PastConnection `json:"list"`
}

// PastConnection is what one peer and this machine tried for one service.
type PastConnection struct {
	Interface string `json:"interface"`
	Direction string `json:"direction"`
	Protocol  string `json:"protocol"`
	// Peer is the other end's address.
	Peer string `json:"peer"`
	// Port is the service's, of TCP and UDP, Type and Code are those of ICMP.
	Port *uint16 `json:"port,omitempty"`
	Type *uint8  `json:"icmp_type,omitempty"`
	Code *uint8  `json:"icmp_code,omitempty"`
	// Count is how many tries there were, Last when the last one was.
	Count uint64    `json:"count"`
	Last  time.Time `json:"last"`
	// Reason is what the policy would have said, with ", of the answer" where the network ACL
	// denies only that.
	Reason string `json:"reason"`
}
