package api

import "net/netip"

// CaptureQuery selects packets to capture: those for which all that is given holds.
type CaptureQuery struct {
	// Where is a query of terms, as [LogQuery.Where].
	Where string `json:"where,omitempty"`
	// Snap is how many bytes of a packet are captured at most, from its IP header on.
	Snap int `json:"snap"`
}

// Types of a CapturePart.
const (
	CaptureDevice = "device"
	CapturePacket = "packet"
	CaptureLost   = "lost"
)

// CapturePart is a part of a capture: a device that packets after it cross, a packet, or how
// many there is no room for.
type CapturePart struct {
	Schema string `json:"schema"`
	// Type is CaptureDevice, CapturePacket or CaptureLost; what is not of its type is left out.
	Type string `json:"type"`

	// Device is the name of a device, and Addresses are its own.
	Device    string         `json:"device,omitempty"`
	Addresses []netip.Prefix `json:"addresses,omitempty"`

	// Verdict is the packet's, without the rule that came nearest.
	Verdict *LogRecord `json:"verdict,omitempty"`
	// In and Out are the devices that the packet crossed, Hook where it was met
	// (include/uapi/linux/netfilter.h), and Info the NFQA_SKB_INFO bits.
	In      string `json:"in,omitempty"`
	Out     string `json:"out,omitempty"`
	Hook    uint8  `json:"hook,omitempty"`
	Bridged bool   `json:"bridged,omitempty"`
	Info    uint32 `json:"info,omitempty"`
	// Before and After are the states of its flow, left out for none.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Ruleset is the generation of the rules that decided.
	Ruleset uint64 `json:"ruleset,omitempty"`
	// Data is the packet from its IP header on.
	Data []byte `json:"data,omitempty"`

	// Lost is how many selected packets were not captured since the last such part.
	Lost uint64 `json:"lost,omitempty"`
}
