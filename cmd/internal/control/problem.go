package control

import "sgfw/policy"

// Problem is one finding about a policy file.
type Problem struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Col  int    `json:"col,omitempty"`
	// Field is the key that the problem is about.
	Field    string `json:"field,omitempty"`
	Severity string `json:"severity"`
	// Code is the error code that AWS gives the same mistake.
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Problems turns findings into documents.
func Problems(ps policy.Problems) []Problem {
	out := make([]Problem, len(ps))
	for i, p := range ps {
		out[i] = Problem{
			File: p.Pos.File, Line: p.Pos.Line, Col: p.Pos.Col, Field: p.Field,
			Severity: p.Severity.String(), Code: string(p.Code), Message: p.Message, Hint: p.Hint,
		}
	}
	return out
}
