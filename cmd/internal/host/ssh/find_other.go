//go:build !linux

package ssh

import "os"

// Caller returns SSH_CONNECTION of this process.
func Caller() string { return os.Getenv("SSH_CONNECTION") }
