// Package learn is the smallest policy that lets pass what was seen on a machine: it turns
// a [Record] of observations into groups of rules, one for each device, each rule with a
// comment about what it was seen for.
//
// It looks at nothing itself: conversations, listeners and times come in as values.
package learn
