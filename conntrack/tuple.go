package conntrack

// Direction is the way a packet crosses an interface, seen from the protected
// machine: Ingress enters it, Egress leaves it.
type Direction uint8

const (
	Ingress Direction = iota
	Egress
)

// Reverse returns the other direction.
func (d Direction) Reverse() Direction { return d ^ 1 }

// String returns "ingress" or "egress", the words of security-group rules.
func (d Direction) String() string {
	if d == Egress {
		return "egress"
	}
	return "ingress"
}

// Protocol numbers (IANA) that the table treats specially.
const (
	ProtoICMP   = 1
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoICMPv6 = 58
)

// Scope names the interface whose groups judged a flow, or interfaces that share
// their flows. Flows of different scopes never meet (T26). The upper
// eight bits are zero.
type Scope uint32

// Tuple identifies a flow within a scope. It is oriented by the protected machine
// and not by the packet: Local is the destination of an ingress packet and the source
// of an egress packet. Both directions of a flow therefore have the same Tuple. A
// packet whose direction in the hook disagrees with its addresses has another one and
// cannot hit the flow.
//
// Ports are those of TCP and UDP. For an ICMP query and its reply, the port of
// the side that asked is the identifier and the port of the other side is
// [QueryPort] of the query type, so two machines that ping each other with the
// same identifier have two flows. Every other protocol has zero ports
// (T9, T10). A Tuple is comparable and holds no pointers.
type Tuple struct {
	Local, Remote         Addr
	LocalPort, RemotePort uint16
	// meta is scope<<8 | protocol.
	meta uint32
}

// QueryPort stands for the port of the answering side in the tuple of an ICMP query of
// type t. It is never zero.
func QueryPort(t uint8) uint16 { return uint16(t)<<8 | 1 }

// NewTuple returns the tuple of a packet that crosses the interface s in
// direction d from src to dst.
func NewTuple(s Scope, d Direction, proto uint8, src, dst Addr, srcPort, dstPort uint16) (t Tuple) {
	t.Set(s, d, proto, src, dst, srcPort, dstPort)
	return t
}

// Set is [NewTuple] for the hot path: it writes into t and avoids a copy. A tuple that
// is returned and then stored is copied in pieces of another size than it was written
// in. Store forwarding then fails, which costs more than all else here.
func (t *Tuple) Set(s Scope, d Direction, proto uint8, src, dst Addr, srcPort, dstPort uint16) {
	if d == Egress {
		t.Local, t.Remote = src, dst
		t.LocalPort, t.RemotePort = srcPort, dstPort
	} else {
		t.Local, t.Remote = dst, src
		t.LocalPort, t.RemotePort = dstPort, srcPort
	}
	t.meta = uint32(s)<<8 | uint32(proto)
}

// Proto returns the IP protocol number.
func (t *Tuple) Proto() uint8 { return uint8(t.meta) }

// Scope returns the interface scope.
func (t *Tuple) Scope() Scope { return Scope(t.meta >> 8) }
