package conntrack

// State is the state of a flow. The zero value belongs to no flow.
type State uint8

const (
	stateFree State = iota

	// StateSynSent: a SYN passed (simultaneous open included).
	StateSynSent
	// StateSynRecv: a SYN-ACK acknowledged that SYN.
	StateSynRecv
	// StatePickup: the flow was picked up mid-stream (T22), and its sequence numbers
	// are not confirmed by both sides yet.
	StatePickup
	// StateEstablished: each side acknowledged sequence numbers of the other.
	StateEstablished
	// StateFinWait: one side sent a FIN that is not acknowledged.
	StateFinWait
	// StateCloseWait: one side sent a FIN and the other acknowledged it.
	StateCloseWait
	// StateLastAck: both sides sent a FIN, not both are acknowledged.
	StateLastAck
	// StateTimeWait: both sides sent a FIN and both are acknowledged.
	StateTimeWait
	// StateClose: a RST with an exact sequence number passed.
	StateClose
	// StateReset: a RST came in for a flow that was offloaded, so nobody knows whether
	// its number was exact. The flow lives on, and makes room before others do;
	// see [Table.Reset].
	StateReset

	// StateUnreplied: no packet of the other direction yet (UDP, ICMP query,
	// other protocols).
	StateUnreplied
	// StateReplied: the other direction answered.
	StateReplied
	// StateAsked: UDP only: the opener sent more than once and was answered once.
	StateAsked
	// StateStream: UDP only: more than one request and response.
	StateStream

	// StateRevoked: the flow was ended by [Table.Revoke].
	StateRevoked
)

var stateNames = [...]string{
	stateFree:        "free",
	StateSynSent:     "syn_sent",
	StateSynRecv:     "syn_recv",
	StatePickup:      "pickup",
	StateEstablished: "established",
	StateFinWait:     "fin_wait",
	StateCloseWait:   "close_wait",
	StateLastAck:     "last_ack",
	StateTimeWait:    "time_wait",
	StateClose:       "close",
	StateReset:       "reset",
	StateUnreplied:   "unreplied",
	StateReplied:     "replied",
	StateAsked:       "asked",
	StateStream:      "stream",
	StateRevoked:     "revoked",
}

// String returns the kernel's name of the state in lower case, where it has one.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "invalid"
}

// HalfOpen reports whether s is a TCP state in which the flow is not yet
// trusted: capped and evictable.
func (s State) HalfOpen() bool {
	return s == StateSynSent || s == StateSynRecv || s == StatePickup
}

// Closed reports whether s is a TCP state in which the connection is over: the flow is
// evictable, and a new SYN replaces it.
func (s State) Closed() bool { return s == StateTimeWait || s == StateClose }
