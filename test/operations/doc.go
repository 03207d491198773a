// Package operations tests what a person asks of a running daemon: status, flows,
// rules, log, explain, doctor. What they say must agree with what packets did.
package operations
