package api

// Orphans are live flows that no rule permits.
type Orphans struct {
	Count int `json:"count"`
	// Denied counts those among them that a network ACL stops, of flows that a change cuts.
	Denied int `json:"denied,omitempty"`
	// Flows are the first MaxListed of them.
	Flows []Flow `json:"flows"`
}

// ScopePrefix goes before the name of a shared scope where else a device stands:
// no device has a colon in its name.
const ScopePrefix = "scope:"

// Flow is one live flow of one interface, or of the interfaces of one scope.
type Flow struct {
	// Interface is the device, by name and ID; left out in a list of flows where Scope
	// is given, since such a flow belongs to all devices of the scope.
	Interface   string `json:"interface,omitempty"`
	InterfaceID string `json:"interface_id,omitempty"`
	// Scope is the name of the scope that devices share.
	Scope string `json:"scope,omitempty"`
	// Direction is that of the packet that opened the flow.
	Direction string `json:"direction"`
	Protocol  string `json:"protocol"`
	// Local and Remote are ADDRESS:PORT for TCP and UDP, else addresses.
	Local  string `json:"local"`
	Remote string `json:"remote"`
	// ICMPType is that of the query that opened the flow.
	ICMPType *uint8  `json:"icmp_type,omitempty"`
	ICMPID   *uint16 `json:"icmp_id,omitempty"`
	State    string  `json:"state"`
	// Age and Expires are seconds since the first packet, and left if no other
	// one comes.
	Age     int64   `json:"age_seconds"`
	Expires int64   `json:"expires_seconds"`
	Packets Traffic `json:"packets"`
	Bytes   Traffic `json:"bytes"`
	// Adopted is true for a flow that was there before the daemon. Rule is then the one that
	// would have admitted it.
	Adopted bool `json:"adopted,omitempty"`
	// Rule admitted the flow's first packet. It may be gone since.
	Rule *RuleRef `json:"rule,omitempty"`
	// Orphan is true if no rule would permit the flow's first packet now, and the flow
	// goes on.
	Orphan bool `json:"orphan,omitempty"`
	// Tracked is false for a flow that lives by rules alone: each of its packets
	// needs one.
	Tracked bool `json:"tracked"`
	// Clause is what decides about that under the rules in force, see Tracking.
	// Empty for a flow of an interface that is managed no more.
	Clause string `json:"tracking_clause,omitempty"`
	// Cut is true for an untracked flow whose first packet no rule would permit now,
	// and for one from before its interface changed its mode, scope or addresses.
	Cut bool `json:"cut,omitempty"`
	// DeniedBy is the rule of a network ACL that denies the flow's first packet now, or the
	// answer to it, where a rule of a group would permit it.
	DeniedBy *RuleRef `json:"denied_by,omitempty"`
}

// Tracking says whether a flow is tracked and which clause of AWS's rule decided:
// "setting" (tracking: always), "scope" (devices share the flow), "protocol"
// (neither TCP nor UDP), "opening-rule" (no rule permits the first packet to
// everybody), "return-rule" (no rule of the other direction permits everybody all
// ports), "earlier" (the flow was tracked before there were such rules),
// "both-rules" (both are there: untracked), "mid-stream" (who opened the connection is
// forgotten: rules decide about each packet, until the opener is known).
type Tracking struct {
	Tracked bool   `json:"tracked"`
	Clause  string `json:"clause"`
	// Detail is the clause as a sentence.
	Detail string `json:"detail"`
	// Opening and Return are the rules for everybody, as far as there are any.
	Opening *RuleRef `json:"opening_rule,omitempty"`
	Return  *RuleRef `json:"return_rule,omitempty"`
}

// Traffic is an amount by direction.
type Traffic struct {
	Ingress uint64 `json:"ingress"`
	Egress  uint64 `json:"egress"`
}

// FlowQuery selects flows: those for which everything that is given holds. The
// zero value selects all.
type FlowQuery struct {
	// Interface is a device name, an interface's ID, or ScopePrefix and the name of a
	// scope. A device of a scope has all flows of the scope.
	Interface string `json:"interface,omitempty"`
	// Protocol is a name or a number.
	Protocol string `json:"protocol,omitempty"`
	// From and To are the two ends of the flow's first packet: an address, an
	// address and a port, or ":port".
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Address is an address or CIDR of either end.
	Address string `json:"address,omitempty"`
	// Port is a port, or a range such as 8000-9000, of either end.
	Port string `json:"port,omitempty"`
	// State is a State of the flow. Flows that were revoked carry nothing and are
	// selected by their state alone.
	State string `json:"state,omitempty"`
	// Group is that of the rule that admitted the flow, by name or ID.
	Group string `json:"group,omitempty"`
	// Rule is that rule, as GROUP/DIRECTION/INDEX or by its ID.
	Rule string `json:"rule,omitempty"`
	// Orphans selects the flows whose first packet no rule would permit now.
	Orphans bool `json:"orphans,omitempty"`
	// Where is a query of terms such as port:443 -proto:icmp. It has to hold beside the
	// fields above, which but for Orphans mean the same as the terms iface, proto, from, to,
	// addr, port, state, group and rule.
	Where string `json:"where,omitempty"`
	// Limit bounds the number of flows, 0 meaning no bound.
	Limit int `json:"limit,omitempty"`
	// Newest selects the newest of so many, the newest first. It needs Limit.
	Newest bool `json:"newest,omitempty"`
}

// All reports whether the query selects every flow.
func (q FlowQuery) All() bool {
	q.Limit, q.Newest = 0, false
	return q == FlowQuery{}
}

// FlowsHeader is the first line of the answer to a flow query; one Flow per
// line follows.
type FlowsHeader struct {
	Schema string `json:"schema"`
	// Live is the number of tracked flows in the table, Untracked that of others
	// that are remembered.
	Live      int `json:"live"`
	Untracked int `json:"untracked"`
	// Tracking is settings.tracking of the policy.
	Tracking string `json:"tracking,omitempty"`
}

// MaxListed is how many flows a document lists that is not about the flows.
const MaxListed = 1000
