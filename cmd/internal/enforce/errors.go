package enforce

// UnusableError says that the policy file could not be used at the start.
type UnusableError struct {
	// What was enforced instead, in words.
	What string
	// Err is what is wrong with the file.
	Err error
}

// Error is what was enforced, and why.
func (e *UnusableError) Error() string {
	return "the policy file could not be used: " + e.What + ": " + e.Err.Error()
}

// Unwrap is what is wrong with the file.
func (e *UnusableError) Unwrap() error { return e.Err }
