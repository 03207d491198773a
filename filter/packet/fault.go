package packet

import "strconv"

// Fault is why a packet could not be understood. The zero value is no fault.
type Fault uint8

const (
	NoFault Fault = iota
	// FaultTruncated: the packet ends before a header that it announces.
	FaultTruncated
	// FaultBeyondCopy: the packet has the header, but the copy range cut it off.
	FaultBeyondCopy
	// FaultVersion: neither IPv4 nor IPv6; in a quote, not the family of the
	// error around it.
	FaultVersion
	// FaultHeaderLength: an IPv4 header length below 5 words (RFC 791 §3.1).
	FaultHeaderLength
	// FaultLength: the IP length is smaller than the header, larger than the
	// frame, or 0 without the offload that makes 0 legal.
	FaultLength
	// FaultMapped: an IPv4-mapped address in an IPv6 header. It would pass for
	// an IPv4 address behind the parser.
	FaultMapped
	// FaultExtensionOrder: a hop-by-hop header that is not the first
	// (RFC 8200 §4.1).
	FaultExtensionOrder
	// FaultExtensionLength: an authentication header shorter than its fixed
	// part (RFC 4302 §2).
	FaultExtensionLength
	// FaultChain: more extension headers, or longer ones, than are walked.
	FaultChain
	// FaultSourceRoute: a type 0 routing header that is not used up (RFC 5095).
	FaultSourceRoute
	// FaultFragments: more than one fragment header (CVE-2023-4809).
	FaultFragments
	// FaultFragmentTiny: a first fragment without the whole transport header
	// (RFC 1858 §3) or header chain (RFC 7112).
	FaultFragmentTiny
	// FaultFragmentOverlap: a TCP fragment 8 bytes in, which can only rewrite
	// the flags of a whole header (RFC 1858 §4, RFC 3128).
	FaultFragmentOverlap
	// FaultFragmentLength: a fragment that is empty, or one with others behind
	// it whose length is no multiple of 8 (RFC 791 §2.3, RFC 8200 §4.5).
	FaultFragmentLength
	// FaultFragmentOversize: a fragment that ends beyond the largest packet.
	FaultFragmentOversize
	// FaultTCPHeader: a data offset below 5 words or behind the packet's end
	// (RFC 9293 §3.1).
	FaultTCPHeader
	// FaultUDPLength: a length field below 8 or behind the packet's end
	// (RFC 768).
	FaultUDPLength

	// NumFaults is the number of values above, for arrays of counters.
	NumFaults = iota
)

var faultNames = [NumFaults]string{
	NoFault:               "none",
	FaultTruncated:        "truncated",
	FaultBeyondCopy:       "beyond_copy",
	FaultVersion:          "version",
	FaultHeaderLength:     "header_length",
	FaultLength:           "length",
	FaultMapped:           "mapped_address",
	FaultExtensionOrder:   "extension_order",
	FaultExtensionLength:  "extension_length",
	FaultChain:            "extension_chain",
	FaultSourceRoute:      "source_route",
	FaultFragments:        "several_fragment_headers",
	FaultFragmentTiny:     "fragment_tiny",
	FaultFragmentOverlap:  "fragment_overlap",
	FaultFragmentLength:   "fragment_length",
	FaultFragmentOversize: "fragment_oversize",
	FaultTCPHeader:        "tcp_header",
	FaultUDPLength:        "udp_length",
}

// String returns a lower-case word that is stable enough for a metric label.
func (f Fault) String() string {
	if int(f) < len(faultNames) {
		return faultNames[f]
	}
	return "fault_" + strconv.Itoa(int(f))
}
