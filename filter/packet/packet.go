package packet

import (
	"strconv"

	"sgfw/conntrack"
)

// Kind says which transport facts of a Packet are valid.
type Kind uint8

const (
	// KindOther is a protocol without ports: everything but the kinds below,
	// whatever its payload imitates (R13, T10).
	KindOther Kind = iota
	KindTCP
	KindUDP
	// KindICMP and KindICMPv6 have a type and a code. ICMP inside IPv6 and
	// ICMPv6 inside IPv4 are KindOther (R12).
	KindICMP
	KindICMPv6
	// KindFragment is a fragment other than the first: no ports, no type.
	KindFragment
)

// kindNames follow the words of security-group rules.
var kindNames = [...]string{"other", "tcp", "udp", "icmp", "icmpv6", "fragment"}

// String returns a lower-case word for k.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind_" + strconv.Itoa(int(k))
}

// Frame is one packet as the kernel hands it over.
type Frame struct {
	// Bytes starts at the IP header. It may be shorter than the packet.
	Bytes []byte
	// Length is the packet's true length in bytes (NFQA_CAP_LEN), 0 when
	// Bytes is the whole packet.
	Length uint32
	// Info holds the NFQA_SKB_INFO bits, see InfoGSO.
	Info uint32
}

// Bits of Frame.Info (include/uapi/linux/netfilter/nfnetlink_queue.h).
const (
	// InfoCsumNotReady: the checksum is filled in later.
	InfoCsumNotReady = 1 << 0
	// InfoGSO: an aggregate, which is cut into segments later.
	InfoGSO = 1 << 1
	// InfoCsumNotVerified: neither the kernel nor the device has verified the checksum. It
	// is not set for what this machine sends.
	InfoCsumNotVerified = 1 << 2
)

// Packet is what Parse fills in. The caller owns and reuses it. Only Intact reads the
// parsed bytes again. Fields that do
// not belong to the packet's Kind hold what an earlier packet left there.
type Packet struct {
	Src, Dst conntrack.Addr
	// Length is the true length of the IP packet in bytes.
	Length uint32
	// Proto is the protocol behind the last extension header; for an IPv6
	// fragment other than the first, what its fragment header names, which can
	// be an extension header.
	Proto uint8
	Kind  Kind
	// HopLimit is the TTL of IPv4.
	HopLimit uint8
	// First is true for the first of several fragments: it has ports, but the
	// packet is not whole, and TCP.Len counts this fragment only.
	First bool
	// Extended is true if IPv6 extension headers stand before the payload.
	Extended bool

	// SrcPort and DstPort are valid for TCP and UDP.
	SrcPort, DstPort uint16
	// TCP is valid for KindTCP.
	TCP conntrack.TCPSegment

	// ICMPType and ICMPCode are valid for KindICMP and KindICMPv6; ICMPID for
	// queries and their replies.
	ICMPType, ICMPCode uint8
	ICMPID             uint16
	// Quote is the packet that an ICMP error quotes, valid if Quoted. Quoted
	// is false for every other packet, for redirects and source quench (they
	// report nothing that a flow could relate to), and for the first of
	// several fragments.
	Quote  Quote
	Quoted bool
	// QuoteFault says why the packet behind an ICMP error could not be
	// understood. Such an error relates to nothing, but it is a packet like
	// others: rules about its type and code decide. NoFault if Quoted, and for
	// all that is no error.
	QuoteFault Fault

	// unverified are the bytes behind the IP headers if Intact has to look at them.
	unverified []byte
	// rerouted is true if a checksum is not that of the addresses in the IP header.
	rerouted bool
}

// Quote is the packet inside an ICMP error, as far as the error carries it.
// Ports follow the kind as in Packet.
type Quote struct {
	Src, Dst           conntrack.Addr
	SrcPort, DstPort   uint16
	ICMPID             uint16
	Proto              uint8
	Kind               Kind
	ICMPType, ICMPCode uint8
}
