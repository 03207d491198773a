// Package state is the daemon's storage on disk.
//
// An unconfirmed policy is rolled back even if the daemon is killed meanwhile: the
// confirmed policy, the one that waits to be confirmed, and its deadline are one
// [Record] in one file, which is replaced as a whole: a crash leaves the old one or
// the new one. A daemon that enforces what its policy file says, for good, keeps
// none.
//
// What groups and rules are called by ID outlives the daemon too: the [Seed] that all
// IDs are made of is a file of its own.
//
// A directory is for one daemon at a time, which holds the lock at [LockOf].
package state
