package control

import "sgfw/cmd/internal/host/process"

// DefaultSocket is where a daemon listens unless told otherwise.
const DefaultSocket = "/run/sgfw/sgfw.sock"

// NoGroup leaves the socket to the group of the process that makes it.
const NoGroup = -1

// Holder is who holds the socket at path, as the lock beside it says, and whether
// anybody does.
func Holder(path string) (process.Process, bool) { return process.HolderOf(lockOf(path)) }

// lockOf is the lock of the socket at path.
func lockOf(path string) string { return path + ".lock" }
