package lifecycle

import (
	"fmt"
	"os"
	"testing"

	"sgfw/test/harness"
)

// TestMain runs as many tests at once as there are CPUs: many of them measure to the
// millisecond when something under traffic takes effect, and want the CPUs for themselves.
func TestMain(m *testing.M) {
	if os.Getenv(confineEnv) != "" {
		fmt.Fprintln(os.Stderr, confine())
		os.Exit(1)
	}
	harness.ParallelTests = 0
	harness.Main(m)
}
