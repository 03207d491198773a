package api

// Query is one packet to explain, in the words of the command line. Empty
// fields take the defaults that the explain package documents.
type Query struct {
	// Interface is a device name, or an interface's ID.
	Interface string `json:"interface,omitempty"`
	// Direction is "ingress" or "egress".
	Direction string `json:"direction,omitempty"`
	// Protocol is a name or a number.
	Protocol string `json:"protocol,omitempty"`
	// From and To are an address, an address and a port, or ":port".
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Segment is the kind of TCP segment: syn, syn-ack, ack, fin or rst.
	Segment string `json:"segment,omitempty"`
	// ICMPType, ICMPCode and ICMPID belong to ICMP and ICMPv6.
	ICMPType *uint8  `json:"icmp_type,omitempty"`
	ICMPCode *uint8  `json:"icmp_code,omitempty"`
	ICMPID   *uint16 `json:"icmp_id,omitempty"`
	// About is the packet that an ICMP error quotes: protocol, source and destination.
	About string `json:"about,omitempty"`
}

// Verdicts as documents spell them.
const (
	VerdictAccept = "accept"
	VerdictDrop   = "drop"
)

// Reasons of an Explanation beside those of package filter.
const (
	// ReasonNotManaged accepts: no interface of the policy names the device,
	// so its packets are never queued.
	ReasonNotManaged = "not-managed"
	// ReasonBridged accepts: the packet stays behind the device, and nothing else was asked.
	ReasonBridged = "bridged"
)

// Explanation is what would happen to a packet and why (docs/aws.md A4).
type Explanation struct {
	Schema string `json:"schema"`
	// Source is the policy file that was asked.
	Source string `json:"source"`
	// Query is the question with every default filled in.
	Query Query `json:"query"`
	// InterfaceID is that of the query's interface, if it is managed.
	InterfaceID string `json:"interface_id,omitempty"`
	// View is that of the interface, local or wire, and Sees what it shows the rules of a
	// packet whose addresses this machine rewrites.
	View string `json:"view,omitempty"`
	Sees string `json:"sees,omitempty"`
	// Verdict is VerdictAccept or VerdictDrop; Reason is the cause as a stable
	// word and Detail the same as a sentence.
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Detail  string `json:"detail"`
	// Code is the code that AWS's Reachability Analyzer gives the finding
	// (docs/aws.md A3), empty when a rule permits the packet.
	Code string `json:"code,omitempty"`
	// Exemption names the failsafe or the exempt service that passes the packet
	// whatever the rules say; empty when none does.
	Exemption string `json:"exemption,omitempty"`
	// Flow is the live flow that the packet belongs to. FlowsKnown is false
	// when there is no flow table to look into (a file is explained).
	Flow       *Flow `json:"flow,omitempty"`
	FlowsKnown bool  `json:"flows_known"`
	// Tracking says whether the packet's flow is tracked, or would be. It is not
	// there for a packet that does not pass or belongs to no flow.
	Tracking *Tracking `json:"tracking,omitempty"`
	// Groups are all groups attached to the interface; all were tried.
	Groups []GroupTried `json:"groups"`
	// Rule is the rule that permits the packet or, with Flow, the flow's first one.
	// Where a network ACL denies the packet it is the rule that does.
	Rule *RuleRef `json:"rule,omitempty"`
	// ACLRule is the rule of the interface's network ACL that allows the packet.
	ACLRule *RuleRef `json:"acl_rule,omitempty"`
	// Misses are the rules that came nearest, when none permits.
	Misses []Miss `json:"nearest_misses,omitempty"`
	// Reply is what would happen to the answer, given the verdict on the packet.
	Reply *Reply `json:"reply,omitempty"`
	// Blocks are all that stop the packet or the answer to it, in the order of the way. They
	// are left out if both pass.
	Blocks []Block `json:"blocks,omitempty"`
	// Remedies are the smallest changes that let both pass, of each kind at most one.
	Remedies []Remedy `json:"remedies,omitempty"`
	// NoRemedy says why no change of the policy is among them, where that can be mended.
	NoRemedy string `json:"no_remedy,omitempty"`
	// Notices say what was assumed.
	Notices []string `json:"notices,omitempty"`
	// Next is the judgement at the interface that the packet crosses behind this one,
	// as from one guest to another: it passes only if both accept it.
	Next *Explanation `json:"next,omitempty"`
}

// GroupTried is one group of the interface.
type GroupTried struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
	// Rules is the number of its rules of the packet's direction.
	Rules int `json:"rules"`
	// Permits is true if one of them permits the packet.
	Permits bool `json:"permits"`
}

// Miss is a rule that does not permit the packet, and the fields that differ.
type Miss struct {
	Rule   RuleRef      `json:"rule"`
	Fields []Difference `json:"fields"`
}

// Difference is one field of a packet that a rule does not cover.
type Difference struct {
	Field string `json:"field"`
	Want  string `json:"want"`
	Got   string `json:"got"`
}

// Reply is the verdict on the answer to a packet: after the packet, and alone,
// when no flow is live.
type Reply struct {
	Direction string   `json:"direction"`
	Verdict   string   `json:"verdict"`
	Reason    string   `json:"reason"`
	Rule      *RuleRef `json:"rule,omitempty"`
	// Alone and AloneReason are what its own direction's rules say.
	Alone       string `json:"alone"`
	AloneReason string `json:"alone_reason"`
	// AloneRule is the one of these that permits it, nil for none.
	AloneRule *RuleRef `json:"alone_rule,omitempty"`
}

// Block is one thing that stops a packet, or the answer to it.
type Block struct {
	// Code is the code that AWS's Reachability Analyzer gives the finding (docs/aws.md A3),
	// left out for what AWS has no word for.
	Code string `json:"code,omitempty"`
	// Reason is the cause as a stable word and Detail the same as a sentence.
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	// Direction is that of the packet that is stopped; Return is true if that is the answer.
	Direction string `json:"direction"`
	Return    bool   `json:"return,omitempty"`
	// Component is what stops it: security_group, network_acl, interface or flow. Groups are
	// the names of the groups, NetworkACL that of the list and ACLRule its rule.
	Component  string   `json:"component"`
	Groups     []string `json:"groups,omitempty"`
	NetworkACL string   `json:"network_acl,omitempty"`
	ACLRule    *RuleRef `json:"acl_rule,omitempty"`
}

// What a Remedy changes.
const (
	// RemedyPacket is another packet, which passes as things are.
	RemedyPacket = "packet"
	// RemedyRule is one rule more, of a group or of a network ACL, or of both.
	RemedyRule = "rule"
	// RemedyGroup is one group more on the interface.
	RemedyGroup = "group"
)

// Remedy is the smallest change of its kind that lets the packet pass, and the answer to it.
// The daemon's judge was asked about the packet with the change, and let both pass.
type Remedy struct {
	// Kind is RemedyPacket, RemedyRule or RemedyGroup.
	Kind string `json:"kind"`
	// Text says the change in a sentence.
	Text string `json:"text"`
	// Query is the packet that passes, and Fields what of it differs; of RemedyPacket alone.
	Query  *Query   `json:"query,omitempty"`
	Fields []string `json:"fields,omitempty"`
	// Changes are all that has to change in the policy, and nothing that need not.
	Changes []PolicyChange `json:"changes,omitempty"`
}

// PolicyChange is a place in a policy file and the lines that belong there.
type PolicyChange struct {
	// Path is the key that is changed, such as security_groups[web].ingress.
	Path string `json:"path"`
	// Replace is true if the lines stand for what Path has; else they are added to it.
	Replace bool `json:"replace,omitempty"`
	// File and Line are where the group, network ACL or interface stands, and After the line
	// that the lines belong behind; left out where that is not known.
	File  string `json:"file,omitempty"`
	Line  int    `json:"line,omitempty"`
	After int    `json:"after,omitempty"`
	// Lines are the text, indented as what stands around it.
	Lines []string `json:"lines"`
}
