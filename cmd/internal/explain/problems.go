package explain

import (
	"sgfw/cmd/internal/api"
	"sgfw/policy"
)

// Problems turns findings into documents.
func Problems(ps policy.Problems) []api.Problem {
	out := make([]api.Problem, len(ps))
	for i, p := range ps {
		out[i] = api.Problem{
			File: p.Pos.File, Line: p.Pos.Line, Col: p.Pos.Col, Field: p.Field,
			Severity: p.Severity.String(), Code: string(p.Code), Message: p.Message, Hint: p.Hint,
		}
	}
	return out
}
