package api

// Exemption is traffic that passes whatever the rules say: a failsafe of the
// machine, or a service that the policy exempts.
type Exemption struct {
	Name string `json:"name"`
	// Kind is KindFailsafe or KindService.
	Kind string `json:"kind"`
	// State is one of the states of exemptions.
	State string `json:"state"`
	// In and Out say what passes into and out of the protected machine; empty:
	// nothing does.
	In  string `json:"in,omitempty"`
	Out string `json:"out,omitempty"`
	// Addresses are those of a service.
	Addresses []string `json:"addresses,omitempty"`
	// Packets counts what passed: by the kernel's rules for a failsafe, by the
	// daemon for a service. It is left out for what nobody counts.
	Packets *uint64 `json:"packets,omitempty"`
}

// Kinds of exemptions.
const (
	KindFailsafe = "failsafe"
	KindService  = "service"
)

// States of exemptions.
const (
	// ExemptionOn: it passes.
	ExemptionOn = "on"
	// ExemptionOff: the rules decide, as the policy wants.
	ExemptionOff = "off"
	// ExemptionAlways: it passes and cannot be switched off, since it never comes
	// to a rule.
	ExemptionAlways = "always"
	// ExemptionMissing: it is on, but this kernel cannot express it.
	ExemptionMissing = "missing"
)
