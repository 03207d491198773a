// Package claims lists what AWS documents about security groups, fact by fact, in
// our words, and says of each how sgfw stands to it. Tests name the facts by
// their handles (package parity); the table of docs/aws-parity.md is made of
// both.
package claims

import "slices"

// Verdict is how sgfw stands to a claim. The zero value is Same.
type Verdict uint8

const (
	// Same: sgfw does what AWS documents; a test proves it.
	Same Verdict = iota
	// Ours: AWS does not say; a test proves what sgfw does.
	Ours
	// Partly: a test proves what the claim says as far as it concerns a host; Why
	// names the rest.
	Partly
	// Differs: sgfw does something else on purpose, which Why gives the reason
	// for. There may be a test.
	Differs
	// Absent: there is nothing on a host that the claim could be about, as Why says.
	Absent
	// Unbuilt: what it is about is not built; Why names what is missing. Only claims
	// of guides may be unbuilt.
	Unbuilt
)

// String is the word in the table.
func (v Verdict) String() string {
	return [...]string{"same", "our choice", "partly", "differs", "does not apply", "not built"}[v]
}

// Proven reports whether a claim of this verdict needs a test.
func (v Verdict) Proven() bool { return v <= Partly }

// Claim is one fact.
type Claim struct {
	Handle  string
	Verdict Verdict
	// Says is what AWS does, for Ours what sgfw does where AWS is silent.
	Says string
	// Why is the reason of a verdict other than Same and Ours.
	Why string
}

// Chapter is a part of the table.
type Chapter struct {
	Title  string
	Claims []Claim
}

func same(handle, says string) Claim         { return Claim{handle, Same, says, ""} }
func ours(handle, says string) Claim         { return Claim{handle, Ours, says, ""} }
func partly(handle, says, why string) Claim  { return Claim{handle, Partly, says, why} }
func differs(handle, says, why string) Claim { return Claim{handle, Differs, says, why} }
func absent(handle, says, why string) Claim  { return Claim{handle, Absent, says, why} }
func unbuilt(handle, says, why string) Claim { return Claim{handle, Unbuilt, says, why} }

// AWS is what AWS documents, in the order of the table.
func AWS() []Chapter {
	return []Chapter{
		{"Rules and groups", model},
		{"Protocols, ports, types", protocols},
		{"Names, descriptions, tags", texts},
		{"Defaults and evaluation", evaluation},
		{"Tracking", tracking},
		{"Idle timers", timers},
		{"The datapath offload", datapath},
		{"What is never filtered", exemptions},
		{"Network ACLs", networkACLs},
		{"Flow logs", flowLogs},
		{"Quotas", quotas},
		{"Expected outcomes", outcomes},
	}
}

// Guides is what published guides say about security groups that AWS's own
// reference does not. Where two guides disagree, the claim is what is true.
func Guides() []Chapter {
	return []Chapter{
		{"A web server", webServer},
		{"Malformed policies", malformed},
		{"Layout and review of groups", practices},
	}
}

// Find returns the claim with a handle.
func Find(handle string) (Claim, bool) {
	for _, ch := range slices.Concat(AWS(), Guides()) {
		for _, c := range ch.Claims {
			if c.Handle == handle {
				return c, true
			}
		}
	}
	return Claim{}, false
}
