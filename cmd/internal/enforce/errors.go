package enforce

import "errors"

// ErrEnslaved says that the policy manages a device that the kernel shows
// under its master's name: packets of a bridge port, or of a bond or VRF
// slave, would never be judged.
var ErrEnslaved = errors.New("device belongs to another device")

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
