package audit

import (
	"cmp"
	"slices"

	"sgfw/policy"
)

// Finding is one place where a check found something.
type Finding struct {
	Check    *Check
	Severity Severity
	// Group is the group that it is about, "" for several on an interface or none.
	Group string
	// Device is the interface that it is about, "" for none.
	Device string
	// Rule is the rule in one line, "" where it is about no rule: its direction goes first.
	Rule string
	// Pos is where to look: of the rule, its group, or its interface, in the file that was
	// audited. The zero Pos is for what no file says.
	Pos policy.Pos
	// Related are the places of other rules that have part in it.
	Related []policy.Pos
	// Message says what was found.
	Message string
	// Narrower is a rule that serves what was observed, "" where nothing was.
	Narrower string
	// Also are the codes of other tools for it.
	Also *Also

	// anchors are where a comment to ignore it may stand, beside Pos.
	anchors []policy.Pos
	// direction and rules are what Rule is of.
	direction policy.Direction
	rules     []entry
	// fix is what can be written in place of the rules, nil if nothing can.
	fix *fix
}

// Ignored is a finding that a comment in the file, or the caller, does not want to hear of.
type Ignored struct {
	Finding
	// Reason is what the comment says, and Until its last day as 2027-01-31; both are empty for
	// a code that the caller ignores.
	Reason, Until string
}

// Report is the outcome of an audit.
type Report struct {
	// Findings are sorted: the worst first, then by place.
	Findings []Finding
	Ignored  []Ignored
	// Groups and Rules count what was looked at.
	Groups, Rules int
	// Reputation is nil where no list was given.
	Reputation *Reputation

	auditor *auditor
}

// Worst returns the worst severity, and false if nothing was found.
func (r *Report) Worst() (s Severity, found bool) {
	for i := range r.Findings {
		s, found = max(s, r.Findings[i].Severity), true
	}
	return s, found
}

// Count returns how many findings are of a severity.
func (r *Report) Count(s Severity) (n int) {
	for i := range r.Findings {
		if r.Findings[i].Severity == s {
			n++
		}
	}
	return n
}

func sortFindings(found []Finding) {
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col),
			cmp.Compare(a.Check.Code, b.Check.Code),
		)
	})
}
