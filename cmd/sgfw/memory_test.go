package main

import (
	"math"
	"runtime/debug"
	"testing"
)

// TestBoundMemory: commands bound their memory, the daemon does not, and the environment wins.
func TestBoundMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	for _, one := range []struct {
		command, env string
		want         int64
	}{
		{"import", "", softMemory},
		{"import", "1GiB", math.MaxInt64},
		{"run", "", math.MaxInt64},
	} {
		debug.SetMemoryLimit(math.MaxInt64)
		t.Setenv("GOMEMLIMIT", one.env)
		root := new(program).rootCommand()
		c, _, err := root.Find([]string{one.command})
		if err != nil || c.Name() != one.command {
			t.Fatal(c, err)
		}
		root.PersistentPreRun(c, nil)
		if got := debug.SetMemoryLimit(-1); got != one.want {
			t.Errorf("%s with GOMEMLIMIT=%q: a bound of %d", one.command, one.env, got)
		}
	}
}
