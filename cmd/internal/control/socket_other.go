//go:build !linux

package control

// Locked knows of none: daemons run on Linux.
func Locked(string) (pid int, held bool) { return 0, false }
