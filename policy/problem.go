package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Severity says what a Problem means for the policy.
type Severity uint8

const (
	// SeverityError: the policy is refused.
	SeverityError Severity = iota
	// SeverityWarning: the policy is taken, but probably does not do what its
	// writer meant.
	SeverityWarning
	// SeverityNotice: the policy is taken; something was read differently
	// from how it was written.
	SeverityNotice
)

// String is "error", "warning" or "notice".
func (s Severity) String() string {
	switch s {
	case SeverityWarning:
		return "warning"
	case SeverityNotice:
		return "notice"
	}
	return "error"
}

// Code is the error code that AWS answers for the same mistake (EC2 API
// reference, error codes); empty where AWS has none.
type Code string

const (
	InvalidParameterValue       Code = "InvalidParameterValue"
	InvalidParameterCombination Code = "InvalidParameterCombination"
	MissingParameter            Code = "MissingParameter"
	UnknownParameter            Code = "UnknownParameter"
	DuplicatePermission         Code = "InvalidPermission.Duplicate"
	DuplicateGroup              Code = "InvalidGroup.Duplicate"
	ReservedGroup               Code = "InvalidGroup.Reserved"
	GroupNotFound               Code = "InvalidGroup.NotFound"
	CannotDelete                Code = "CannotDelete"
	RuleNotFound                Code = "InvalidSecurityGroupRuleId.NotFound"
	PrefixListNotFound          Code = "InvalidPrefixListID.NotFound"
	DependencyViolation         Code = "DependencyViolation"
	InterfaceNotFound           Code = "InvalidNetworkInterfaceID.NotFound"
	MalformedGroupID            Code = "InvalidGroupId.Malformed"
	MalformedRuleID             Code = "InvalidSecurityGroupRuleId.Malformed"
	MalformedPrefixListID       Code = "InvalidPrefixListId.Malformed"
	MalformedInterfaceID        Code = "InvalidNetworkInterfaceId.Malformed"
	NetworkACLNotFound          Code = "InvalidNetworkAclID.NotFound"
	MalformedNetworkACLID       Code = "InvalidNetworkAclId.Malformed"
	ACLEntryExists              Code = "NetworkAclEntryAlreadyExists"
	ACLEntryLimitExceeded       Code = "NetworkAclEntryLimitExceeded"
	NetworkACLLimitExceeded     Code = "NetworkAclLimitExceeded"
	RulesLimitExceeded          Code = "RulesPerSecurityGroupLimitExceeded"
	InterfaceGroupsExceeded     Code = "SecurityGroupsPerInterfaceLimitExceeded"
	GroupLimitExceeded          Code = "SecurityGroupLimitExceeded"
	TagLimitExceeded            Code = "TagLimitExceeded"
	MalformedTagKey             Code = "InvalidTagKey.Malformed"
)

// Problem is one thing that is wrong, or worth knowing, about a policy.
type Problem struct {
	Pos Pos
	// Field is the key of the part at Pos that the problem is about, such as
	// "description" or "security_groups[1]"; empty for the whole part.
	Field    string
	Severity Severity
	Code     Code
	Message  string
	// Hint says what to do about it; empty when the message says it all.
	Hint string
	// AWS says that only AWS would refuse what the problem is about: a notice, which
	// [Problems.AsAWS] makes an error.
	AWS bool
	// Missing is the name of what is not found, where the code says so.
	Missing string
}

// Error is the problem in one line: `file:line:col: message (hint: …)`. Warnings
// and notices say so before the message.
func (p Problem) Error() string {
	var b strings.Builder
	if pos := p.Pos.String(); pos != "" {
		b.WriteString(pos + ": ")
	}
	if p.Severity != SeverityError {
		b.WriteString(p.Severity.String() + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (hint: " + p.Hint + ")")
	}
	return b.String()
}

// Problems is what is wrong with a policy, all of it at once.
type Problems []Problem

// Error lists all problems, one on a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns the problems as an error when one of them refuses the policy, nil
// otherwise.
func (ps Problems) Err() error {
	if slices.ContainsFunc(ps, func(p Problem) bool { return p.Severity == SeverityError }) {
		return ps
	}
	return nil
}

// AsAWS returns the problems as AWS sees them: what it would refuse is an error.
func (ps Problems) AsAWS() Problems {
	out := slices.Clone(ps)
	for i := range out {
		if out[i].AWS {
			out[i].Severity = SeverityError
		}
	}
	return out
}

// Folded returns the problems with a single one about what only AWS would refuse, the
// first, which counts the others: they are many or none, as their writer has AWS in mind
// or not.
func (ps Problems) Folded() Problems {
	var out Problems
	first, more := -1, 0
	for _, p := range ps {
		switch {
		case !p.AWS:
			out = append(out, p)
		case first < 0:
			first = len(out)
			out = append(out, p)
		default:
			more++
		}
	}
	if first >= 0 {
		hint := "sgfw takes it; check --as-aws refuses it"
		if more > 0 {
			hint = fmt.Sprintf("sgfw takes it, and %d more that AWS would refuse; check --as-aws lists "+
				"them", more)
		}
		out[first].Hint = hint
	}
	return out
}

// Of returns the problems of one severity, in their order.
func (ps Problems) Of(s Severity) Problems {
	var of Problems
	for _, p := range ps {
		if p.Severity == s {
			of = append(of, p)
		}
	}
	return of
}

// Sort orders the problems by position, then severity, then text.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col),
			cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

// Limit returns the first n errors and the first n others in order of position;
// what is left out is counted in one more problem at the end of its kind.
func (ps Problems) Limit(n int) Problems {
	sorted := slices.Clone(ps)
	sorted.Sort()
	var kept, rest Problems
	errs, others := 0, 0
	for _, p := range sorted {
		count := &others
		if p.Severity == SeverityError {
			count = &errs
		}
		if *count++; *count <= n {
			kept = append(kept, p)
		}
	}
	if errs > n {
		rest = append(rest, Problem{Severity: SeverityError,
			Message: fmt.Sprintf("and %d more errors", errs-n)})
	}
	if others > n {
		rest = append(rest, Problem{Severity: SeverityNotice,
			Message: fmt.Sprintf("and %d more warnings and notices", others-n)})
	}
	return append(kept, rest...)
}

// AsProblems returns the problems in an error's chain, nil when there are none.
func AsProblems(err error) Problems {
	ps, _ := errors.AsType[Problems](err)
	return ps
}
