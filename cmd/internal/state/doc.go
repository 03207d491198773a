// Package state is what the daemon keeps on disk.
//
// A policy under trial is rolled back even if the daemon is killed meanwhile: the
// last policy that nobody doubts, the one on trial, and when the trial ends, are one
// [Record] in one file, which is replaced as a whole: a crash leaves the old one or
// the new one. A daemon that enforces what its policy file says, for good, keeps
// none.
//
// What groups and rules are called by ID outlives the daemon too: the [Seed] that all
// IDs are made of is a file of its own.
package state
