package filter

import (
	"sgfw/conntrack"
	"sgfw/filter/match"
)

// Verdict is what was decided about a packet, at the last interface that was
// asked. It has no more fields of its own than the compiler keeps in registers,
// which are four: one more, and a decision takes half as long again
// (TestVerdictInRegisters).
type Verdict struct {
	Reason Reason
	// Direction of the crossing that decided.
	Direction conntrack.Direction
	// Rule is what permitted the packet or, for ReasonFlow and ReasonRelated,
	// the flow's first packet.
	Rule match.RuleNumber
	// Scope is the interface that decided, 0 before any did.
	Scope conntrack.Scope
}

// Accept reports whether the packet passes.
func (v Verdict) Accept() bool { return v.Reason.Accepts() }
