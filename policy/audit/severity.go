package audit

import (
	"fmt"
	"strings"
)

// Severity says how bad a finding is. The zero value is the least.
type Severity uint8

const (
	// Notice: worth knowing.
	Notice Severity = iota
	// Low: untidy, or a small risk.
	Low
	// Medium: a risk, unless there is a reason.
	Medium
	// High: somebody will find it.
	High
)

var severityNames = [...]string{"notice", "low", "medium", "high"}

// Severities are their names, the worst first.
func Severities() []string { return []string{"high", "medium", "low", "notice"} }

// String is "high", "medium", "low" or "notice".
func (s Severity) String() string { return severityNames[s] }

// ParseSeverity reads the name of a severity.
func ParseSeverity(s string) (Severity, error) {
	for i, name := range severityNames {
		if name == s {
			return Severity(i), nil
		}
	}
	return 0, fmt.Errorf("%q is none of %s", s, strings.Join(Severities(), ", "))
}
