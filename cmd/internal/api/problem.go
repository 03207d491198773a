package api

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
