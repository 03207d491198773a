package naive

import "net/netip"

// Direction is the way of a packet, seen from the machine that is protected.
type Direction int

const (
	// In enters the protected machine: ingress rules.
	In Direction = iota
	// Out leaves it: egress rules.
	Out
)

func (d Direction) reverse() Direction { return 1 - d }

// String is the word of security-group rules.
func (d Direction) String() string { return [...]string{"ingress", "egress"}[d] }

// Protocol numbers (IANA) that AWS has names for.
const (
	ICMP   = 1
	TCP    = 6
	UDP    = 17
	ICMPv6 = 58
)

// Packet is an IP packet as a person would describe it.
type Packet struct {
	Src, Dst netip.Addr
	Protocol int
	// HopLimit is the TTL of IPv4.
	HopLimit int
	// Part says which part of a fragmented packet this is.
	Part Part
	// Missing is how many bytes the packet lacks at its end of those that it says it
	// has.
	Missing int
	// Corrupt: the checksum is wrong, and nobody but a reader can tell. Not for protocols
	// without one.
	Corrupt bool

	// SrcPort and DstPort are those of TCP and UDP.
	SrcPort, DstPort int
	// Flags, Seq, Ack and Len (bytes of payload) are those of TCP.
	Flags    Flags
	Seq, Ack uint32
	Len      int

	// Type, Code and ID are those of ICMP and ICMPv6; ID of queries alone.
	Type, Code, ID int
	// Quote is the packet that an ICMP error is about, nil when there is none or
	// too little of it to tell.
	Quote *Packet
}

// Part is which part of a packet there is. The zero value is all of it.
type Part int

const (
	Whole Part = iota
	// FirstPart has the ports and not the end.
	FirstPart
	// LaterPart has no ports.
	LaterPart
)

// Flags are the TCP flags that matter to a flow.
type Flags int

// The bits stand where the TCP header has them.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
)

func (f Flags) has(bits Flags) bool { return f&bits == bits }

// sane reports whether a stack sends such flags at all (T27).
func (f Flags) sane() bool {
	f &^= PSH
	switch f {
	case SYN, SYN | ACK, RST, RST | ACK, FIN | ACK, ACK:
		return true
	case SYN | URG, FIN | ACK | URG, ACK | URG:
		return true
	}
	return false
}

// opening reports whether the segment asks for a new connection.
func (f Flags) opening() bool { return f.sane() && f.has(SYN) && !f.has(ACK) }

// isV4 is the family: both addresses have the same.
func (p *Packet) isV4() bool { return p.Src.Is4() }

// isICMP reports whether the packet is the ICMP of its family: the other
// family's is a protocol without a name (R12).
func (p *Packet) isICMP() bool {
	return p.Part != LaterPart && (p.Protocol == ICMP && p.isV4() || p.Protocol == ICMPv6 && !p.isV4())
}

func (p *Packet) isTCP() bool { return p.Protocol == TCP && p.Part != LaterPart }
func (p *Packet) isUDP() bool { return p.Protocol == UDP && p.Part != LaterPart }

// query names the query that an ICMP message asks or answers by the type that
// asks; answer says which of the two. ok is false for other messages.
func (p *Packet) query() (kind int, answer, ok bool) {
	if !p.isICMP() {
		return 0, false, false
	}
	if !p.isV4() {
		return 128, p.Type == 129, p.Type == 128 || p.Type == 129
	}
	switch p.Type {
	case 8, 13, 15, 17:
		return p.Type, false, true
	case 0:
		return 8, true, true
	case 14, 16, 18:
		return p.Type - 1, true, true
	}
	return 0, false, false
}

// isError reports whether the packet tells of another one's failure: types 3, 11
// and 12, of ICMPv6 1 to 4 (T24).
func (p *Packet) isError() bool {
	if !p.isICMP() {
		return false
	}
	if p.isV4() {
		return p.Type == 3 || p.Type == 11 || p.Type == 12
	}
	return 1 <= p.Type && p.Type <= 4
}

// hasFlow reports whether such packets belong to flows at all: whole ones of TCP,
// UDP, ICMP queries, and of protocols without names (T9, T10). Without the whole
// packet nothing is followed (T25).
func (p *Packet) hasFlow() bool {
	if p.Part != Whole {
		return false
	}
	_, _, isQuery := p.query()
	return isQuery || !p.isICMP()
}

// late reports whether the packet can only go on with something that began
// before: a segment that opens nothing, or the answer to a query (T22).
func (p *Packet) late() bool {
	_, answer, _ := p.query()
	return answer || p.isTCP() && !(p.Flags.has(SYN) && !p.Flags.has(ACK))
}
