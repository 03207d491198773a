package conntrack

// Class is how a flow is followed. The caller derives it from the packet, never
// from the protocol number alone: ICMP other than queries is ClassOther.
type Class uint8

const (
	// ClassOther: address pair and protocol only (T10).
	ClassOther Class = iota
	ClassTCP
	ClassUDP
	// ClassQuery: an ICMP or ICMPv6 query or its reply, by identifier (T9).
	ClassQuery
)

// PacketMeta is one packet as the table sees it.
type PacketMeta struct {
	// Dir is the direction in which the packet crosses the interface.
	Dir   Direction
	Class Class
	// Reply is true for the reply to a query, for ClassQuery only.
	Reply bool
	// Lane tells workers apart, modulo [Lanes]: flows that were opened in
	// different lanes share no cache line. It changes nothing else.
	Lane uint8
	// Bytes is the length of the IP packet.
	Bytes uint32
	// TCP is valid for ClassTCP.
	TCP TCPSegment
}

// Outcome is what a live flow makes of a packet.
type Outcome uint8

const (
	// OutcomeRules: judge the packet by the rules of its own direction like a
	// first one. The flow stays as it is, whatever the rules say. The zero value.
	OutcomeRules Outcome = iota
	// OutcomeMember: the packet belongs to the flow and passes (T1).
	OutcomeMember
	// OutcomeReopen: a SYN meets a flow that has ended: judge it by the rules;
	// if they permit it, [Entry.Insert] puts the new flow in the old one's place.
	OutcomeReopen
	// OutcomeRevoked: the packet would go on with a flow that was revoked: it must
	// not pass, whatever the rules say.
	OutcomeRevoked
)

// String returns the outcome in one lower-case word.
func (o Outcome) String() string {
	switch o {
	case OutcomeMember:
		return "member"
	case OutcomeReopen:
		return "reopen"
	case OutcomeRevoked:
		return "revoked"
	}
	return "rules"
}

// Opens reports whether a packet that met no live flow may open one once the
// rules permit it. A TCP segment does so with a SYN alone or, mid-stream, with
// an ACK without SYN, RST and FIN (T22); RST, FIN, SYN-ACK and impossible flags
// never do (T27), nor does the reply to a query that nobody saw.
func Opens(p *PacketMeta) bool {
	switch p.Class {
	case ClassTCP:
		f := p.TCP.Flags
		return f.possible() && (f&(SYN|ACK) == SYN || f&(SYN|ACK|RST|FIN) == ACK)
	case ClassQuery:
		return !p.Reply
	}
	return true
}
