package main

import (
	"testing"

	"sgfw/cmd/internal/api"
)

// TestProblemLine: what is not known of a place is left out.
func TestProblemLine(t *testing.T) {
	for _, tc := range []struct {
		problem api.Problem
		want    string
	}{
		{api.Problem{Severity: "error", Message: "m"}, "m"},
		{api.Problem{Severity: "error", File: "f", Message: "m"}, "f: m"},
		{api.Problem{Severity: "error", File: "f", Line: 8, Message: "m", Hint: "h"}, "f:8: m (hint: h)"},
		{api.Problem{Severity: "notice", File: "f", Line: 8, Col: 3, Message: "m", Hint: "h", Code: "C"},
			"f:8:3: notice: m (hint: h) [C]"},
	} {
		if got := problemLine(tc.problem); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.problem, got, tc.want)
		}
	}
}
