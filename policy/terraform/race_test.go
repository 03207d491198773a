//go:build race

package terraform

// detector is how much slower everything is under the race detector.
const detector = 10
