//go:build !race

package terraform

// detector is how much slower everything is under the race detector, which is off.
const detector = 1
