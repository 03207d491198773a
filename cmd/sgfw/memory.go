package main

import (
	"os"
	"runtime/debug"
)

// runName is the command that stays. What it has is kept small by other means.
const runName = "run"

// softMemory is from how much memory on, in bytes, the garbage collector of a command runs
// more often than when memory has doubled.
//
// 60,000 rules need 100 to 200 MB while they are read, and doubling took up to 360 MB. With
// this bound it is 260 MB for the same time of processors, since the collector runs two or
// three times more. A policy that needs more than this gets it: then the collector takes half
// of the time at most.
const softMemory = 240 << 20

// boundMemory sets softMemory, unless the environment has a bound.
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
	}
}
