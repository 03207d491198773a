package conntrack

// Class is how a flow is tracked. The caller derives it from the packet, never from the
// protocol number alone: ICMP other than queries is ClassOther.
type Class uint8

const (
	// ClassOther: address pair and protocol only (T10).
	ClassOther Class = iota
	ClassTCP
	ClassUDP
	// ClassQuery: an ICMP or ICMPv6 query or its reply, by identifier (T9).
	ClassQuery
)

// PacketMeta is packet metadata: what the table needs to know about a packet.
type PacketMeta struct {
	// Dir is the direction in which the packet crosses the interface.
	Dir   Direction
	Class Class
	// Reply is true for the reply to a query, for ClassQuery only.
	Reply bool
	// Lane is the worker's number, modulo [Lanes]. Flows that were opened in different
	// lanes share no cache line. It has no other effect.
	Lane uint8
	// Bytes is the length of the IP packet.
	Bytes uint32
	// TCP is valid for ClassTCP.
	TCP TCPSegment
}

// Outcome is what a packet means for a live flow with its tuple.
type Outcome uint8

const (
	// OutcomeRules: the rules of the packet's own direction decide, as for the first
	// packet of a flow. The flow stays as it is, whatever they say. The zero value.
	OutcomeRules Outcome = iota
	// OutcomeMember: the packet belongs to the flow and passes (T1).
	OutcomeMember
	// OutcomeReopen: a SYN meets a flow that has ended. The rules decide; if they
	// permit the packet, [Entry.Insert] replaces the old flow by a new one.
	OutcomeReopen
	// OutcomeRevoked: the packet would continue a flow that was revoked. It must not
	// pass, whatever the rules say.
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

// Opens reports whether a packet without a live flow may open one, if the rules permit
// it. A TCP segment may with a SYN alone or, mid-stream, with an ACK without SYN, RST
// and FIN (T22). RST, FIN, SYN-ACK and impossible flags never open a flow (T27), nor
// does the reply to a query that was not seen.
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
