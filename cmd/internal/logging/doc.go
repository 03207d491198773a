// Package logging is the daemon's log: lines that are queued and written by a goroutine
// of their own, so that nobody who logs waits for whoever reads.
package logging
