// Package lifecycle tests how the daemon starts, reloads, confirms or rolls back a
// policy, is disturbed by others, dies and stops: nothing passes unjudged meanwhile.
package lifecycle
