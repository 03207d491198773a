package control

// Query is one packet to explain, in the words of the command line. Empty
// fields take the defaults that the explain package documents.
type Query struct {
	// Interface is a device name, or an interface entry of the policy.
	Interface string `json:"interface,omitempty"`
	// Direction is "ingress" or "egress".
	Direction string `json:"direction,omitempty"`
	// Protocol is a name or a number.
	Protocol string `json:"protocol,omitempty"`
	// From and To are an address, an address and a port, or ":port".
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// ICMPType, ICMPCode and ICMPID belong to ICMP and ICMPv6.
	ICMPType *uint8  `json:"icmp_type,omitempty"`
	ICMPCode *uint8  `json:"icmp_code,omitempty"`
	ICMPID   *uint16 `json:"icmp_id,omitempty"`
}

// Verdicts as documents spell them.
const (
	VerdictAccept = "accept"
	VerdictDrop   = "drop"
)

// Explanation is what would happen to a packet and why (aws-semantics A4).
type Explanation struct {
	Schema string `json:"schema"`
	// Source is the policy file, or "daemon" and the generation in force.
	Source string `json:"source"`
	// Query is the question with every default filled in.
	Query Query `json:"query"`
	// Verdict is VerdictAccept or VerdictDrop; Reason is the machine-readable
	// cause and Detail the same in a sentence.
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Detail  string `json:"detail,omitempty"`
	// Code is the code that AWS's Reachability Analyzer gives the finding
	// (aws-semantics A3), empty for an accepted packet.
	Code string `json:"code,omitempty"`
	// Exemption names the life line that passes the packet whatever the rules
	// say; empty when none does.
	Exemption string `json:"exemption,omitempty"`
	// Flow is the live flow that the packet belongs to; FlowsKnown is false
	// when there is no table to look into (a file is explained).
	Flow       *Flow `json:"flow,omitempty"`
	FlowsKnown bool  `json:"flows_known"`
	// Groups are all groups attached to the interface.
	Groups []GroupTried `json:"groups"`
	// Rule is the rule that permits the packet.
	Rule *RuleRef `json:"rule,omitempty"`
	// Misses are the rules that came nearest, when none permits.
	Misses []Miss `json:"nearest_misses,omitempty"`
	// Reverse is what would happen to the answer.
	Reverse *Reverse `json:"reverse,omitempty"`
}

// GroupTried is one group of the interface and whether it permits the packet.
type GroupTried struct {
	Name string `json:"name"`
	// Rules is the number of its rules of the packet's direction.
	Rules   int  `json:"rules"`
	Permits bool `json:"permits"`
}

// RuleRef names one rule of the policy.
type RuleRef struct {
	Group     string `json:"group"`
	Direction string `json:"direction"`
	// Index is the rule's place in its list of the file, from 0; -1 for the
	// default egress rules of a group whose file names none.
	Index       int    `json:"index"`
	Description string `json:"description,omitempty"`
	Protocol    string `json:"protocol"`
	Ports       string `json:"ports,omitempty"`
	Peer        string `json:"peer"`
	File        string `json:"file,omitempty"`
	Line        int    `json:"line,omitempty"`
}

// Miss is a rule that does not permit the packet, and the first field that
// differs.
type Miss struct {
	Rule  RuleRef `json:"rule"`
	Field string  `json:"field"`
	Want  string  `json:"want"`
	Have  string  `json:"have"`
}

// Reverse is the verdict on the answer to the packet, first while the flow
// lives, then as a packet of its own.
type Reverse struct {
	Direction string `json:"direction"`
	// WithFlow is the verdict while the flow of the packet lives.
	WithFlow string `json:"with_flow"`
	// Alone is the verdict on the same packet if no flow is known.
	Alone  string   `json:"alone"`
	Reason string   `json:"reason"`
	Rule   *RuleRef `json:"rule,omitempty"`
}
