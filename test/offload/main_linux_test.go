package offload

import (
	"os"
	"testing"

	"sgfw/test/harness"
)

// TestMain runs two tests at once: the kernel's stock of counters for elements of sets is one
// for all namespaces, and a flow that finds it empty is not carried.
func TestMain(m *testing.M) {
	if at := os.Getenv(serveVariable); at != "" {
		serve(at)
	}
	harness.ParallelTests = 0
	harness.Main(m)
}
