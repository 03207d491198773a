package filter

import (
	"sgfw/filter/packet"
	"sgfw/policy"
)

// Reason is why a packet passed or not. Reasons are few and typed, so that
// they can be counted on the packet path and compared in tests; their strings
// are stable and appear in every output.
type Reason uint8

const (
	// ReasonNone is the zero value: nothing was decided yet.
	ReasonNone Reason = iota

	// ReasonFlow passes: the packet belongs to a live flow (T1).
	ReasonFlow
	// ReasonRule passes: a rule of an attached group permits the packet.
	ReasonRule
	// ReasonUntracked passes: a rule permits the packet, which belongs to a flow
	// that is not tracked (T2, T6).
	ReasonUntracked
	// ReasonNoRoom passes: a rule permits the packet, the table has no room for its flow,
	// and on_failure says that it passes all the same. Nothing remembers it.
	ReasonNoRoom
	// ReasonRelated passes: an ICMP error about a live flow (T24).
	ReasonRelated
	// ReasonFailsafe passes: neighbour discovery, MLD or a DHCP client exchange,
	// unless the policy has switched that off (X2, X3).
	ReasonFailsafe
	// ReasonBridged passes: a frame between two ports of a bridge, which br_netfilter
	// sends through the IP hooks (K27). It crosses no device.
	ReasonBridged
	// ReasonExemptResolvers and those below pass: the machine asks a service that the
	// policy exempts, or is answered; see ExemptReason. Like failsafes they are never
	// tracked, and are for flow logs to leave out (X1).
	ReasonExemptResolvers
	ReasonExemptMetadata
	ReasonExemptTime

	// ReasonNoRule drops: no rule of any attached group permits the packet.
	ReasonNoRule
	// ReasonNetworkACL drops: the interface's network ACL denies the packet (N7).
	ReasonNetworkACL
	// ReasonNotAFlow drops: the packet could only have passed as part of a flow
	// that is not there: a reply or a mid-stream segment (T22).
	ReasonNotAFlow
	// ReasonSourceDestCheck drops: the packet leaves the protected machine from
	// an address that is not its own, or enters it for another one (D9).
	ReasonSourceDestCheck
	// ReasonTableFull drops: a rule permits the flow, the table has no room (T30). See
	// ReasonNoRoom.
	ReasonTableFull
	// ReasonUnknownLink drops: the packet crosses a device that the ruleset
	// does not know yet.
	ReasonUnknownLink
	// ReasonRevoked drops: the packet would go on with a flow that was revoked.
	ReasonRevoked
	// ReasonChecksum drops: a rule permits the packet, which would begin a flow, and its
	// checksum is wrong (T27).
	ReasonChecksum
	// ReasonUnmanaged drops: the packet was queued but crosses no managed device.
	ReasonUnmanaged

	// reasonFault is the first of the parser's faults, which all drop.
	reasonFault
)

// reasonCount bounds arrays that are indexed by Reason.
const reasonCount = 64

// FaultReason is the Reason of a packet that the parser refused.
func FaultReason(f packet.Fault) Reason { return reasonFault + Reason(f) }

// ExemptReason is the Reason of a packet that passes by an exemption.
func ExemptReason(x policy.Exemption) Reason {
	return ReasonExemptResolvers + Reason(x-policy.ExemptResolvers)
}

// Exemption is the reverse of ExemptReason, NoExemption for every other reason.
func (r Reason) Exemption() policy.Exemption {
	if r < ReasonExemptResolvers || r > ReasonExemptTime {
		return policy.NoExemption
	}
	return policy.ExemptResolvers + policy.Exemption(r-ReasonExemptResolvers)
}

// Reasons lists every reason that a verdict can have.
func Reasons() []Reason {
	var out []Reason
	for r := ReasonFlow; r < reasonFault+Reason(packet.NumFaults); r++ {
		if r != FaultReason(packet.NoFault) {
			out = append(out, r)
		}
	}
	return out
}

// IsFault reports whether the packet's headers could not be read.
func (r Reason) IsFault() bool { return r >= reasonFault }

// Accepts reports whether packets with this reason pass.
func (r Reason) Accepts() bool { return ReasonFlow <= r && r <= ReasonExemptTime }

var reasonNames = [reasonFault]string{
	ReasonNone:            "none",
	ReasonFlow:            "flow",
	ReasonRule:            "rule",
	ReasonUntracked:       "untracked",
	ReasonNoRoom:          "no-room",
	ReasonRelated:         "related",
	ReasonFailsafe:        "failsafe",
	ReasonBridged:         "bridged",
	ReasonExemptResolvers: "exempt-resolvers",
	ReasonExemptMetadata:  "exempt-metadata",
	ReasonExemptTime:      "exempt-time",
	ReasonNoRule:          "no-rule",
	ReasonNetworkACL:      "network-acl",
	ReasonNotAFlow:        "not-a-flow",
	ReasonSourceDestCheck: "source-dest-check",
	ReasonTableFull:       "table-full",
	ReasonUnknownLink:     "unknown-link",
	ReasonRevoked:         "revoked",
	ReasonChecksum:        "checksum",
	ReasonUnmanaged:       "unmanaged",
}

// String returns the reason's stable name; faults are "packet: …".
func (r Reason) String() string {
	if r >= reasonFault {
		return "packet: " + packet.Fault(r-reasonFault).String()
	}
	return reasonNames[r]
}
