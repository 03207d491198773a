// Package compare says what one policy permits that another one does not, in exact sets of
// what may pass: however the rules are written, and whatever format they come from.
package compare
